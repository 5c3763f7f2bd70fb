// digits as a preview 1 command of 2022: what the package as-wasi-nn makes to this day.
import { Digits } from "./digits";
import { EphemeralNN2022 } from "./wasi_ephemeral_nn";
import { exit, Preview1 } from "./wasi_preview1";

const status = new Digits(new Preview1(), new EphemeralNN2022()).run();
if (status != 0) exit(status);
