-- API keys that were revoked or have expired are removed once a month has passed, by who makes a new one in their tenant.
grant delete on tenon.api_keys to tenon_app;
