-- When a login last showed a code of the second factor. What lets more be risked, or lets somebody else in, asks for one
-- that is minutes old: a phone that is taken while it is logged in does not do it.
alter table logins add column code_at timestamptz;

grant update (code_at) on logins to app_role;
