"""The scenario of openapi/clients/README.md by the package that openapi-python-client makes."""

import os
import uuid
from typing import TypeVar

from tenon_client import AuthenticatedClient
from tenon_client.api.contacts import (
    create_contact,
    create_contacts,
    delete_contact,
    get_contact,
    list_contacts,
    restore_contact,
    update_contact,
)
from tenon_client.models import (
    ApiError,
    BatchContactInput,
    ContactInput,
    ContactPatch,
    EnvelopeBatchOutcomeBatchResult,
    EnvelopeContact,
    ListContact,
    ListContactsCount,
)
from tenon_client.types import Response

T = TypeVar("T")

tenon = AuthenticatedClient(base_url=os.environ["TENON_URL"], token=os.environ["TENON_API_KEY"])


def expect(answer: Response[T | ApiError], kind: type[T]) -> T:
    """What was asked for, or the error with its code."""
    if isinstance(answer.parsed, ApiError):
        raise RuntimeError(f"{answer.parsed.code}: {answer.parsed.error}")
    assert isinstance(answer.parsed, kind), answer
    return answer.parsed


def refused(answer: Response[T | ApiError], status: int, code: str) -> ApiError:
    """The error of an answer that has to be a refusal."""
    assert answer.status_code == status, answer
    assert isinstance(answer.parsed, ApiError)
    assert answer.parsed.code == code, answer.parsed
    return answer.parsed


def main() -> None:
    email = f"clients-{uuid.uuid4()}@example.com"

    grace = ContactInput(name="Grace Hopper", email=email)
    created = expect(create_contact.sync_detailed(client=tenon, body=grace, idempotency_key=email), EnvelopeContact).data
    assert created.version == 1
    assert created.title is None

    again = create_contact.sync_detailed(client=tenon, body=grace, idempotency_key=email)
    assert expect(again, EnvelopeContact).data.id == created.id
    assert again.headers["Idempotent-Replayed"] == "true"

    found = expect(
        list_contacts.sync_detailed(client=tenon, filter_=f'email = "{email}"', count=ListContactsCount.EXACT, limit=10),
        ListContact,
    )
    assert [contact.id for contact in found.data] == [created.id]
    assert found.pagination.total == 1

    def change(patch: ContactPatch, version: int) -> Response[EnvelopeContact | ApiError]:
        return update_contact.sync_detailed(created.id, client=tenon, body=patch, if_match=f'"v{version}"')

    changed = expect(change(ContactPatch(title="Rear admiral"), 1), EnvelopeContact).data
    assert (changed.title, changed.version) == ("Rear admiral", 2)
    cleared = expect(change(ContactPatch(title=None), 2), EnvelopeContact).data
    assert cleared.title is None

    refused(change(ContactPatch(title="Late"), 1), 412, "VERSION_CONFLICT")
    another = ContactInput(name="Another", email=email)
    refused(create_contact.sync_detailed(client=tenon, body=another), 409, "DUPLICATE")
    nonsense = ContactInput(name="Another", email="nonsense")
    invalid = refused(create_contact.sync_detailed(client=tenon, body=nonsense), 400, "VALIDATION_ERROR")
    assert "email" in invalid.details.additional_properties
    assert invalid.errors[0].pointer == "/email"

    items = BatchContactInput(items=[ContactInput(name="In a batch"), ContactInput(name="")])
    batch = create_contacts.sync_detailed(client=tenon, body=items)
    assert batch.status_code == 207
    outcome = expect(batch, EnvelopeBatchOutcomeBatchResult).data
    assert (outcome.succeeded, outcome.failed, outcome.results[1].code) == (1, 1, "VALIDATION_ERROR")

    deleted = delete_contact.sync_detailed(created.id, client=tenon)
    assert deleted.status_code == 204, deleted
    refused(get_contact.sync_detailed(created.id, client=tenon), 404, "NOT_FOUND")
    restored = expect(restore_contact.sync_detailed(created.id, client=tenon), EnvelopeContact).data
    assert restored.deleted_at is None

    for contact in (created.id, outcome.results[0].id):
        assert contact is not None
        delete_contact.sync_detailed(contact, client=tenon)
    print("python, openapi-python-client: done")


if __name__ == "__main__":
    main()
