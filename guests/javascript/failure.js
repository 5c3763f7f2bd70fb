// Failure ends the program; its message is the rest of the line that it prints.
export class Failure extends Error {}
