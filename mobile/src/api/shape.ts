/** A fingerprint of what the API's answers look like, written by `make app-client`. */
export const SHAPE = "d0e912c8ff3ccb57";
