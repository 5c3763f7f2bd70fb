// digits as a preview 1 command. The compiler makes _start of what stands here (--exportStart _start).
import { Digits } from "./digits";
import { EphemeralNN } from "./wasi_ephemeral_nn";
import { exit, Preview1 } from "./wasi_preview1";

const status = new Digits(new Preview1(), new EphemeralNN()).run();
if (status != 0) exit(status);
