//! `except revoke`: end an exception before its time, or make a key void.

use std::path::PathBuf;

use tollgate::exception::{BaselineDocument, Document, Ulid};
use tollgate::ledger::{Kind, Ledger, Record, audit};
use tollgate::signing::Signer;
use tollgate::text::safe;
use tollgate::trust::{TrustRoot, WorkTree};

use super::book::{Book, Subject};
use super::judged::documents;
use super::{baseline_of, one_document, plural};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::ledger::Which;
use crate::cli::pen::Pen;
use crate::cli::site::Site;
use crate::cli::trouble::Trouble;
use crate::cli::voucher;

/// What is revoked, and why.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:
  tollgate except revoke 01JDQ4R5 --reason 'the key was used from outside' --key ~/.ssh/id_ed25519
  tollgate except revoke dana@acme.example --void-from 4310 --reason 'her laptop was stolen on Monday'")]
pub struct Arguments {
    /// Id of an exception or its first characters; `baseline`; or a signer: a principal, or the `SHA256:...` of a key.
    what: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// For a signer: approvals by the key from this record on are void; from now on when left out.
    #[arg(long, value_name = "INDEX")]
    void_from: Option<u64>,
    /// OpenSSH private key; a key of the running agent that the signers file lists when left out.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    which: Which,
}

/// Writes the revocation, signed by one holder of the namespace: it takes nobody's leave to stop something.
pub fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Trouble> {
    let site = Site::find(&context.folder, context)?;
    let mut pen = Pen::find(arguments.key.as_deref(), &[voucher::REVOKE_NAMESPACE], &site, context)?;
    let by = pen.signer(&site, context)?;
    let mut book = Book::existing(&arguments.which, &site, context)?;
    let keys = keys(&arguments.what, &site)?;
    if keys.is_empty() {
        return exception(arguments, &site, &by, &mut book, &mut pen, context);
    }
    for (key, principal) in keys {
        revoke_key(arguments, (&key, &principal), &by, &mut book, &mut pen, context)?;
    }
    leaned(&mut book.ledger, context)
}

/// Ends an exception, or the baseline.
fn exception(
    arguments: &Arguments,
    site: &Site,
    by: &Signer,
    book: &mut Book,
    pen: &mut Pen,
    context: &Context,
) -> Result<Exit, Trouble> {
    let (kind, person, reason) = (Kind::ExceptionRevoked, &by.person, &arguments.reason);
    let files = site.exception_files()?;
    let (id, record) = if arguments.what == "baseline" {
        let (_, bytes) = baseline_of(&files)?;
        let document = BaselineDocument::parse(bytes)?;
        (document.id.clone(), book.step(kind, &Subject::from(&document), person, reason, context)?)
    } else {
        let document = document(arguments, &files, book)?;
        (document.id.clone(), book.step(kind, &Subject::from(&document), person, reason, context)?)
    };
    let index = book.append(record, Some(pen))?;
    context
        .print(&format!("record {index}: {id} revoked by {person}; it lets nothing through any more\n"))?;
    Ok(Exit::Open)
}

/// The keys that `what` names, each with its principal; none where it names an exception.
fn keys(what: &str, site: &Site) -> Result<Vec<(String, String)>, Trouble> {
    let signers = TrustRoot::read(&WorkTree::new(&site.root))?.signers;
    let named = |signer: &&Signer| {
        [&signer.principal, &signer.person, &signer.key.fingerprint()].into_iter().any(|name| name == what)
    };
    let listed: Vec<_> = signers
        .all()
        .iter()
        .filter(named)
        .map(|signer| (signer.key.fingerprint(), signer.principal.clone()))
        .collect();
    // A key that no longer stands in the file may still have signed what holds today.
    let unlisted = listed.is_empty() && what.starts_with("SHA256:");
    Ok(if unlisted { vec![(what.to_owned(), String::new())] } else { listed })
}

/// The document to revoke: one of the work tree, else one the ledger took in.
fn document(
    arguments: &Arguments,
    files: &[(String, Vec<u8>)],
    book: &mut Book,
) -> Result<Document, Trouble> {
    let typed = arguments.what.to_uppercase();
    if Ulid::parse(&typed).is_some() && !documents(files).keys().any(|id| id.as_str() == typed) {
        let mut approved = book.about(&typed)?;
        approved.retain(|record| record.kind() == Some(Kind::ExceptionApproved));
        let read = |record: &Record| Document::parse(&voucher::document_of(record)?).ok();
        if let Some(document) = approved.iter().find_map(read) {
            return Ok(document);
        }
    }
    let (path, bytes) = one_document(files, &arguments.what)?;
    Document::parse(bytes).map_err(|error| Trouble::new(format!("`{path}` is no exception: {error}")))
}

fn revoke_key(
    arguments: &Arguments,
    (key, principal): (&str, &str),
    by: &Signer,
    book: &mut Book,
    pen: &mut Pen,
    context: &Context,
) -> Result<(), Trouble> {
    let size = book.ledger.refresh()?.size();
    let from = arguments.void_from.unwrap_or(size).min(size);
    let record =
        book.lineage().signer_revoked(context.now, (key, principal), from, &by.person, &arguments.reason);
    let index = book.append(record, Some(pen))?;
    let whose = if principal.is_empty() { String::new() } else { format!(" of {principal}") };
    context.print(&format!(
        "record {index}: key {key}{whose} revoked by {}; what it signed is void from record {from} on\n",
        by.person
    ))
}

/// Prints every decision that rests on what is void now.
fn leaned(ledger: &mut Ledger, context: &Context) -> Result<Exit, Trouble> {
    let leaning = audit::leaning(ledger)?;
    let leaned = leaning.before.iter().chain(&leaning.after);
    context.print(&format!("{} leaned on what is void now\n", plural(leaned.clone().count(), "decision")))?;
    for decision in leaned {
        context.print(&format!("  record {}: {}\n", decision.index, safe::terminal(&decision.what)))?;
    }
    Ok(Exit::Open)
}
