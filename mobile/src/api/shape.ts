/** A fingerprint of what the API's answers look like, written by `make app-client`. */
export const SHAPE = "282d623fc925e830";
