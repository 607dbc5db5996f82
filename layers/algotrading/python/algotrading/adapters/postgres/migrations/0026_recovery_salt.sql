-- What recovery codes are hashed with: one salt for a set, and Argon2id instead of SHA-256. Sets from before have none and
-- stay good until their second factor is switched off.
alter table second_factors add column recovery_salt bytea check (octet_length(recovery_salt) = 16);
