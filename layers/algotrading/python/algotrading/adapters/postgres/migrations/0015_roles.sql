-- Roles beside that of a trader, which everybody has: staff, to whom one is granted, and viewers of one account, by its
-- owner's invitation. And locked accounts.

-- Whether the login showed a second factor: what doors of staff ask for.
alter table logins add column has_second_factor boolean not null default false;

alter table users add column locked_at timestamptz;
alter table users add column lock_reason text;
alter table users add constraint users_lock check (locked_at is not null or lock_reason is null);

alter table logins drop constraint logins_end_reason_check;
alter table logins add constraint logins_end_reason_check
    check (end_reason in ('logged_out', 'revoked', 'reused', 'password_reset', 'account_deleted', 'account_locked'));

-- Granted by the system role only: no function that traders call can raise anybody.
create table user_roles (
    user_id    uuid not null references users (id),
    role       varchar(20) not null check (role in ('support', 'admin')),
    granted_at timestamptz not null,
    granted_by varchar(200) not null,
    primary key (user_id, role)
);

create table viewer_grants (
    grant_id     uuid primary key,
    user_id      uuid not null references users (id),
    name         varchar(60) not null,
    owner_email  varchar(255) not null,
    token_hash   bytea unique check (octet_length(token_hash) = 32),
    created_at   timestamptz not null,
    expires_at   timestamptz not null,
    viewer_id    uuid references users (id),
    viewer_email varchar(255),
    accepted_at  timestamptz,
    unique (user_id, viewer_id),
    check (user_id <> viewer_id),
    -- An invitation has a hash and no viewer; what was accepted has a viewer, and nothing that could be used again.
    check ((token_hash is null) = (viewer_id is not null)),
    check ((viewer_id is null) = (viewer_email is null) and (viewer_id is null) = (accepted_at is null))
);
create index viewer_grants_viewer on viewer_grants (viewer_id) where viewer_id is not null;

alter table user_roles enable row level security;
create policy tenant on user_roles to app_role using (user_id = app_user_id());
create policy system on user_roles to system_role using (true) with check (true);

alter table viewer_grants enable row level security;
create policy tenant on viewer_grants to app_role using (user_id = app_user_id()) with check (user_id = app_user_id());
-- A viewer sees what was granted to them, and may forget it when they leave this product.
create policy viewer on viewer_grants for select to app_role using (viewer_id = app_user_id());
create policy viewer_forgets on viewer_grants for delete to app_role using (viewer_id = app_user_id());
create policy system on viewer_grants to system_role using (true) with check (true);

-- Giving a role back lowers, so its holder may; granting one is the system's.
grant select, delete on user_roles to app_role;
grant select, insert, delete on viewer_grants to app_role;
grant update (token_hash, viewer_id, viewer_email, accepted_at) on viewer_grants to app_role;
