// The scenario of openapi/clients/README.md by openapi-fetch, with the types that openapi-typescript makes.

import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./generated/openapi-fetch/schema";

type Contact = components["schemas"]["Contact"];
type Refusal = components["schemas"]["ApiError"];

const tenon = createClient<paths>({
  baseUrl: process.env.TENON_URL,
  headers: { Authorization: `Bearer ${process.env.TENON_API_KEY}` },
});

/** What was asked for, or the error with its code. */
function expect<T>(answer: { data?: T; error?: Refusal }): T {
  if (answer.error) throw new Error(`${answer.error.code}: ${answer.error.error}`);
  assert(answer.data !== undefined);
  return answer.data;
}

/** The error of an answer that has to be a refusal. */
function refused(answer: { error?: Refusal; response: Response }, status: number, code: string): Refusal {
  assert.equal(answer.response.status, status);
  assert(answer.error);
  assert.equal(answer.error.code, code);
  return answer.error;
}

const contacts = "/api/v1/connection/contacts";
const one = "/api/v1/connection/contacts/{id}";
const email = `clients-${crypto.randomUUID()}@example.com`;

const created: Contact = expect(
  await tenon.POST(contacts, {
    params: { header: { "Idempotency-Key": email } },
    body: { name: "Grace Hopper", email },
  }),
).data;
assert.equal(created.version, 1);
assert.equal(created.title, null);
const path = { id: created.id };

const again = await tenon.POST(contacts, {
  params: { header: { "Idempotency-Key": email } },
  body: { name: "Grace Hopper", email },
});
assert.equal(expect(again).data.id, created.id);
assert.equal(again.response.headers.get("Idempotent-Replayed"), "true");

const list = expect(
  await tenon.GET(contacts, { params: { query: { filter: `email = "${email}"`, count: "exact", limit: 10 } } }),
);
assert.deepEqual(list.data.map((contact) => contact.id), [created.id]);
assert.equal(list.pagination.total, 1);

const header = { "If-Match": `"v${created.version}"` };
const changed = expect(await tenon.PATCH(one, { params: { path, header }, body: { title: "Rear admiral" } })).data;
assert.deepEqual([changed.title, changed.version], ["Rear admiral", 2]);
const cleared = expect(await tenon.PATCH(one, { params: { path }, body: { title: null } })).data;
assert.equal(cleared.title, null);

refused(await tenon.PATCH(one, { params: { path, header }, body: { title: "Late" } }), 412, "VERSION_CONFLICT");
refused(await tenon.POST(contacts, { body: { name: "Another", email } }), 409, "DUPLICATE");
const invalid = refused(await tenon.POST(contacts, { body: { name: "Another", email: "nonsense" } }), 400, "VALIDATION_ERROR");
assert.equal(typeof invalid.details.email, "string");
assert.equal(invalid.errors[0]?.pointer, "/email");

const batch = await tenon.POST("/api/v1/connection/contacts/batch/create", {
  body: { items: [{ name: "In a batch" }, { name: "" }] },
});
assert.equal(batch.response.status, 207);
const { succeeded, failed, results } = expect(batch).data;
assert.deepEqual([succeeded, failed, results[1]?.code], [1, 1, "VALIDATION_ERROR"]);

const deleted = await tenon.DELETE(one, { params: { path } });
assert.equal(deleted.response.status, 204);
refused(await tenon.GET(one, { params: { path } }), 404, "NOT_FOUND");
const restored = expect(await tenon.POST("/api/v1/connection/contacts/{id}/restore", { params: { path } })).data;
assert.equal(restored.deletedAt, null);

for (const id of [created.id, results[0]?.id]) {
  assert(id);
  await tenon.DELETE(one, { params: { path: { id } } });
}
console.log("typescript, openapi-fetch: done");
