//! `except approve`: sign a document.

use std::collections::BTreeSet;
use std::path::PathBuf;

use tollgate::exception::{
    BaselineDocument, Document, DocumentError, NAMESPACE, NAMESPACE_BASELINE, NAMESPACE_CRITICAL,
};

use super::{baseline_of, one_document};
use crate::cli::context::{Context, write_file};
use crate::cli::exit::Exit;
use crate::cli::pen::Pen;
use crate::cli::site::Site;
use crate::cli::trouble::Trouble;

/// What to sign, and with what.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Arguments {
    /// Id of the exception, or its first characters; or `baseline`.
    pub id: String,
    /// OpenSSH private key; a key of the running agent that the signers file lists when left out.
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
}

/// Signs a document and writes the signature beside it.
pub fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Trouble> {
    let site = Site::find(&context.folder, context)?;
    let files = site.exception_files()?;
    let (path, bytes, namespace) = wanted(&files, &arguments.id)?;
    let mut pen = Pen::find(arguments.key.as_deref(), &[namespace], &site, context)?;
    let target = free_name(&files, path);
    write_file(&site.root.join(&target), pen.sign(bytes)?.armour().as_bytes())?;
    context.print(&format!(
        "{target}\n  signed by {} in namespace {}\n",
        pen.key().fingerprint(),
        pen.namespace()
    ))?;
    if let Err(refusal) = pen.signer(&site, context) {
        context.note(&format!("note: as things stand this signature does not count: {}", refusal.message()));
    }
    Ok(Exit::Open)
}

/// Path, bytes and namespace of what `id` names: an exception, or the baseline.
fn wanted<'f>(
    files: &'f [(String, Vec<u8>)],
    id: &str,
) -> Result<(&'f str, &'f [u8], &'static str), Trouble> {
    let fault = |path: &str, what: &str, error: DocumentError| {
        Trouble::new(format!("`{path}` is no {what}: {error}"))
            .help("nothing was signed; ask for a new document")
    };
    if id == "baseline" {
        let (path, bytes) = baseline_of(files)?;
        BaselineDocument::parse(bytes).map_err(|error| fault(path, "baseline", error))?;
        return Ok((path, bytes, NAMESPACE_BASELINE));
    }
    let (path, bytes) = one_document(files, id)?;
    let document = Document::parse(bytes).map_err(|error| fault(path, "exception", error))?;
    let namespace = if document.claims_critical() { NAMESPACE_CRITICAL } else { NAMESPACE };
    Ok((path, bytes, namespace))
}

/// The first name for a signature of the document at `path` that is not taken.
pub fn free_name(files: &[(String, Vec<u8>)], path: &str) -> String {
    let taken: BTreeSet<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
    let free =
        (1..=files.len() + 1).map(|n| format!("{path}.{n}.sig")).find(|name| !taken.contains(name.as_str()));
    free.unwrap_or_else(|| format!("{path}.sig"))
}
