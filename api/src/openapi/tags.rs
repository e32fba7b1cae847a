//! The groups of operations in the document.

use poem_openapi::Tags as DeriveTags;

/// A group of operations.
#[derive(DeriveTags)]
pub enum Tags {
    /// People that the organization deals with.
    Contacts,
    /// Organizations that the organization deals with.
    Companies,
    /// The stages that leads go through.
    Pipelines,
    /// What may become business.
    Leads,
    /// What was done with contacts, companies and leads, and what is to be done.
    Activities,
    /// Files whose rows become records.
    Imports,
    /// Lists that are written into files.
    Exports,
    /// Receivers of signed events, and what was delivered to them.
    Webhooks,
    /// Everything that happens in the organization, in order.
    Changes,
    /// Credentials for programs.
    #[oai(rename = "API keys")]
    ApiKeys,
    /// Who changed what, and the proof that nobody edited the answer.
    Audit,
    /// The organizations themselves, and their settings.
    Organizations,
    /// Logging in, and who is logged in.
    Authentication,
    /// About this API itself.
    Meta,
}
