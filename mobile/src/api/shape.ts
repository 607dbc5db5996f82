/** A fingerprint of what the API's answers look like, written by `make app-client`. */
export const SHAPE = "34c540e92a20a74c";
