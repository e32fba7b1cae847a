// The scenario of openapi/clients/README.md by the client that @hey-api/openapi-ts makes.

import assert from "node:assert/strict";
import { client } from "./generated/hey-api/client.gen.js";
import {
  createContact,
  createContacts,
  deleteContact,
  getContact,
  listContacts,
  restoreContact,
  updateContact,
} from "./generated/hey-api/sdk.gen.js";
import type { Contact, ApiError as Refusal } from "./generated/hey-api/types.gen.js";

client.setConfig({ baseUrl: process.env.TENON_URL, auth: process.env.TENON_API_KEY });

/** What was asked for, or the error with its code. */
function expect<T>(answer: { data?: T; error?: Refusal }): T {
  if (answer.error) throw new Error(`${answer.error.code}: ${answer.error.error}`);
  assert(answer.data !== undefined);
  return answer.data;
}

/** The error of an answer that has to be a refusal. */
function refused(answer: { error?: Refusal; response?: Response }, status: number, code: string): Refusal {
  assert.equal(answer.response?.status, status);
  assert(answer.error);
  assert.equal(answer.error.code, code);
  return answer.error;
}

const email = `clients-${crypto.randomUUID()}@example.com`;

const body = { name: "Grace Hopper", email };
const keyed = { headers: { "Idempotency-Key": email } };
const created: Contact = expect(await createContact({ ...keyed, body })).data;
assert.equal(created.version, 1);
assert.equal(created.title, null);
const path = { id: created.id };

const again = await createContact({ ...keyed, body });
assert.equal(expect(again).data.id, created.id);
assert.equal(again.response?.headers.get("Idempotent-Replayed"), "true");

const list = expect(await listContacts({ query: { filter: `email = "${email}"`, count: "exact", limit: 10 } }));
assert.deepEqual(list.data.map((contact) => contact.id), [created.id]);
assert.equal(list.pagination.total, 1);

const headers = { "If-Match": `"v${created.version}"` };
const changed = expect(await updateContact({ path, headers, body: { title: "Rear admiral" } })).data;
assert.deepEqual([changed.title, changed.version], ["Rear admiral", 2]);
const cleared = expect(await updateContact({ path, body: { title: null } })).data;
assert.equal(cleared.title, null);

refused(await updateContact({ path, headers, body: { title: "Late" } }), 412, "VERSION_CONFLICT");
refused(await createContact({ body: { name: "Another", email } }), 409, "DUPLICATE");
const invalid = refused(await createContact({ body: { name: "Another", email: "nonsense" } }), 400, "VALIDATION_ERROR");
assert.equal(typeof invalid.details.email, "string");
assert.equal(invalid.errors[0]?.pointer, "/email");

const batch = await createContacts({ body: { items: [{ name: "In a batch" }, { name: "" }] } });
assert.equal(batch.response?.status, 207);
const { succeeded, failed, results } = expect(batch).data;
assert.deepEqual([succeeded, failed, results[1]?.code], [1, 1, "VALIDATION_ERROR"]);

const deleted = await deleteContact({ path });
assert.equal(deleted.response?.status, 204);
refused(await getContact({ path }), 404, "NOT_FOUND");
const restored = expect(await restoreContact({ path })).data;
assert.equal(restored.deletedAt, null);

for (const id of [created.id, results[0]?.id]) {
  assert(id);
  await deleteContact({ path: { id } });
}
console.log("typescript, @hey-api/openapi-ts: done");
