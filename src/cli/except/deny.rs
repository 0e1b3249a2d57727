//! `except deny`: say no, on record.

use std::path::PathBuf;

use tollgate::exception::{Document, NAMESPACE, NAMESPACE_CRITICAL};
use tollgate::ledger::Kind;
use tollgate::signing::Class;

use super::book::{Book, Subject};
use super::one_document;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::ledger::Which;
use crate::cli::pen::Pen;
use crate::cli::site::Site;
use crate::cli::trouble::Trouble;

/// What is denied, and why.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Example:
  tollgate except deny 01JDQ4R5 --key ~/.ssh/id_ed25519 --reason 'the role can be split today'")]
pub struct Arguments {
    /// Id of the exception, or its first characters.
    id: String,
    /// Why not.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// OpenSSH private key; a key of the running agent that the signers file lists when left out.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    which: Which,
}

/// Writes the denial. Whoever may approve may deny; what was approved already must be revoked.
pub fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Trouble> {
    let site = Site::find(&context.folder, context)?;
    let files = site.exception_files()?;
    let (path, bytes) = one_document(&files, &arguments.id)?;
    let document =
        Document::parse(bytes).map_err(|error| Trouble::new(format!("`{path}` is no exception: {error}")))?;
    let tiers: &[&'static str] =
        if document.claims_critical() { &[NAMESPACE_CRITICAL] } else { &[NAMESPACE, NAMESPACE_CRITICAL] };
    let mut pen = Pen::find(arguments.key.as_deref(), tiers, &site, context)?;
    let signer = pen.signer(&site, context)?;
    if signer.class != Class::Human {
        let class = signer.class.word();
        return Err(Trouble::new(format!("`{}` is of class {class} and can only ask", signer.person)));
    }
    let mut book = Book::existing(&arguments.which, &site, context)?;
    let before = book.about(document.id.as_str())?;
    if before.iter().any(|record| record.kind() == Some(Kind::ExceptionApproved)) {
        return Err(Trouble::new(format!("`{}` was approved and accepted by a run already", document.id))
            .help("end it with `tollgate except revoke`"));
    }
    let record = book.step(
        Kind::ExceptionDenied,
        &Subject::from(&document),
        &signer.person,
        &arguments.reason,
        context,
    )?;
    let index = book.append(record, Some(&mut pen))?;
    let (id, person) = (&document.id, &signer.person);
    context
        .print(&format!("record {index}: {id} denied by {person}; it can let nothing through any more\n"))?;
    Ok(Exit::Open)
}
