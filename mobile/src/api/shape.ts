/** A fingerprint of what the API's answers look like, written by `make app-client`. */
export const SHAPE = "3491aaa38e83e6a1";
