-- Notices name broker accounts, devices, keys and viewers, as people have called them. Whoever deletes the account takes that
-- along: what they were told is erased with it. That somebody was told, of what kind and when, stays.
grant update (text) on outbox to app_role;

-- Of a viewer an owner was told by the e-mail, which stayed when the viewer had deleted theirs. It is not told any more.
update outbox set text = regexp_replace(text, '^\S+@\S+ reads your account', 'a viewer reads your account')
where kind = 'viewer_joined';
