/** A fingerprint of what the API's answers look like, written by `make app-client`. */
export const SHAPE = "6f12d6370ed800af";
