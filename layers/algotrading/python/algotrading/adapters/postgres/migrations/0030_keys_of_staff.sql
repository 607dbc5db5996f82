-- What administrators do is done once under an Idempotency-Key, too: their function logs in as the system role, and keeps
-- the answers of whoever asks under that user's id, as the others do.
grant select, insert, delete on kept_answers to system_role;
grant update (status, headers, body) on kept_answers to system_role;
-- For one user at a time: every other function of that role would read, forge and forget everybody's answers else.
alter policy system on kept_answers using (user_id = app_user_id()) with check (user_id = app_user_id());
