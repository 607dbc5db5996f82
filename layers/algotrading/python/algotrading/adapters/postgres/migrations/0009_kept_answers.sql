-- Answers of requests that named themselves by an Idempotency-Key: the same key gets the same answer for a day. A row
-- without an answer is a request that is under way, or that broke off and nobody knows how it ended.

create table kept_answers (
    user_id      uuid not null references users (id),
    key          text not null check (length(key) between 1 and 128),
    request_hash bytea not null check (octet_length(request_hash) = 32),
    begun_at     timestamptz not null,
    status       smallint check (status between 200 and 599),
    headers      jsonb,
    body         text,
    primary key (user_id, key),
    check ((status is null) = (headers is null) and (status is null) = (body is null))
);

create index kept_answers_by_age on kept_answers (user_id, begun_at);

alter table kept_answers enable row level security;
create policy tenant on kept_answers to app_role using (user_id = app_user_id()) with check (user_id = app_user_id());
create policy system on kept_answers to system_role using (true) with check (true);

grant select, insert, delete on kept_answers to app_role;
grant update (status, headers, body) on kept_answers to app_role;
