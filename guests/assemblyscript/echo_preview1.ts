// echo, as preview1.ts makes digits.
import { Echo } from "./echo";
import { EphemeralNN } from "./wasi_ephemeral_nn";
import { exit, Preview1 } from "./wasi_preview1";

const status = new Echo(new Preview1(), new EphemeralNN()).run();
if (status != 0) exit(status);
