/** A fingerprint of what the API's answers look like, written by `make app-client`. */
export const SHAPE = "f96acef616fc458d";
