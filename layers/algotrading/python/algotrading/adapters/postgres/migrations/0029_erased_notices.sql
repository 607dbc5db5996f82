-- Notices name broker accounts, devices, keys and viewers, as people have called them. Whoever deletes the account takes that
-- along: what they were told is erased with it. That somebody was told, of what kind and when, stays. No function of ours may
-- change a notice otherwise, so this asks for nothing and does nothing while the account is there.
create function erase_notices(said text) returns void
    language sql security definer set search_path = public, pg_temp as $$
    update outbox set text = said, last_error = null
    where user_id = app_user_id()
        and exists (select from users where id = app_user_id() and deleted_at is not null)
$$;
revoke execute on function erase_notices(text) from public;
grant execute on function erase_notices(text) to app_role;

-- Of a viewer an owner was told by the e-mail, which stayed when the viewer had deleted theirs. It is not told any more.
update outbox set text = regexp_replace(text, '^\S+@\S+ reads your account', 'a viewer reads your account')
where kind = 'viewer_joined';
