-- What the function of administrators needs, which is the system to PostgreSQL: it locks and raises users, and asks for the
-- second factor of whoever does.

grant update (locked_at, lock_reason) on users to system_role;
grant select, update (ended_at, end_reason) on logins to system_role;
grant select, insert, delete on user_roles to system_role;
grant select on viewer_grants to system_role;
grant select, update (last_step) on second_factors to system_role;
grant select, delete on recovery_codes to system_role;

create index users_created on users (created_at, id) where deleted_at is null;
