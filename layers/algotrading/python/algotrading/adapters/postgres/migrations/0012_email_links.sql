-- Links of e-mails, of which only hashes are stored, whether an account's owner reads mail to its address, and what is
-- needed to forget an owner: orders, trades and the audit trail stay, under an identifier that names nobody.

alter table users add column email_verified_at timestamptz;
alter table users add column deleted_at timestamptz;

create table email_links (
    token_hash bytea primary key check (octet_length(token_hash) = 32),
    user_id    uuid not null references users (id),
    purpose    varchar(20) not null check (purpose in ('reset_password', 'verify_email')),
    created_at timestamptz not null,
    expires_at timestamptz not null
);
create index email_links_user on email_links (user_id, purpose);

alter table email_links enable row level security;
create policy tenant on email_links to app_role using (user_id = app_user_id()) with check (user_id = app_user_id());
create policy system on email_links to system_role using (true) with check (true);

grant select, insert, delete on email_links to app_role;
grant update (email, email_verified_at, deleted_at) on users to app_role;
grant update (name) on logins to app_role;

alter table logins drop constraint logins_end_reason_check;
alter table logins add constraint logins_end_reason_check
    check (end_reason in ('logged_out', 'revoked', 'reused', 'password_reset', 'account_deleted'));
