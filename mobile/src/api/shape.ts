/** A fingerprint of what the API's answers look like, written by `make app-client`. */
export const SHAPE = "d3c1557a6b151d80";
