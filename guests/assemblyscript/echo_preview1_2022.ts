// echo, as preview1_2022.ts makes digits.
import { Echo } from "./echo";
import { EphemeralNN2022 } from "./wasi_ephemeral_nn";
import { exit, Preview1 } from "./wasi_preview1";

const status = new Echo(new Preview1(), new EphemeralNN2022()).run();
if (status != 0) exit(status);
