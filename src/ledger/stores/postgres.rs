//! One row of a database is the head: for many pipelines that share a ledger.
//!
//! A writer hands a function of the database the head it saw; the function locks the row of the head, compares,
//! and adds the records in the same transaction. The role of the gate may call that function and read, nothing
//! else; triggers refuse to change or remove what is there, to the owner of the tables too. The tree is computed
//! here and never there. The schema with its roles is `postgres/schema.sql`; whoever owns the database makes it
//! with `tollgate ledger init`, one ledger for each database.
//!
//! The password comes from `PGPASSWORD`, or from the file that `PGPASSFILE` names (else `~/.pgpass`), as `psql` has it;
//! one in the URL works and stands in the list of processes.
//!
//! On `Ok` a batch is durable, so a server that acknowledges what it has not written is refused.

mod address;
mod made;
mod password;
mod tls;

use std::collections::BTreeSet;
use std::error::Error as _;
use std::ops::Range;

use postgres::error::SqlState;
use postgres::{Client, NoTls, Row, Statement};

use self::address::Address;
use self::tls::Tls;
use super::{Batch, Head, Leaf, Scheme, Store, StoreError};
use crate::ledger::error::LedgerError;
use crate::ledger::key::Key;
use crate::ledger::merkle::{Frontier, Hash};
use crate::text::{safe, url};

/// `postgres://USER@HOST/DATABASE`.
pub const SCHEME: Scheme = Scheme {
    prefix: "postgres://",
    form: "postgres://USER@HOST/DATABASE",
    open: |rest| open_url(&format!("postgres://{rest}")),
};

/// The same under its other name.
pub const LONG_SCHEME: Scheme = Scheme {
    prefix: "postgresql://",
    form: "postgresql://USER@HOST/DATABASE",
    open: |rest| open_url(&format!("postgresql://{rest}")),
};

const SCHEMA: &str = include_str!("postgres/schema.sql");

const APPEND: &str = "SELECT tollgate.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

/// How the function says that a seal is over more than there is.
const SET_BACK: SqlState = SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE;

/// A ledger in a database.
pub struct Postgres {
    address: Address,
    place: String,
    /// Made when it is first needed, and again after it broke.
    session: Option<Session>,
}

/// A connection to a server that writes before it says so.
struct Session {
    client: Client,
    /// Whether the tables were seen.
    has_schema: bool,
    append: Option<Statement>,
}

fn open_url(url: &str) -> Result<Box<dyn Store>, LedgerError> {
    let place = url::public(url);
    let mut address = Address::parse(url)
        .map_err(|why| LedgerError::Url(place.clone(), format!("`{}`; {why}", SCHEME.form)))?;
    if address.config.get_password().is_none() {
        let found = password::find(&address.config, &|name| std::env::var_os(name));
        if let Some(password) = found.map_err(LedgerError::Unavailable)? {
            address.config.password(password.expose());
        }
    }
    Ok(Box::new(Postgres { address, place, session: None }))
}

impl Postgres {
    fn session(&mut self) -> Result<&mut Session, LedgerError> {
        if self.session.as_ref().is_some_and(|session| session.client.is_closed()) {
            self.session = None;
        }
        match &mut self.session {
            Some(session) => Ok(session),
            none => {
                let begun = Session::begin(&self.address);
                let begun =
                    begun.map_err(|why| LedgerError::Unavailable(format!("`{}`: {why}", self.place)))?;
                Ok(none.insert(begun))
            }
        }
    }

    /// Asks with the tables at hand, and once more where the connection had died: asking twice changes nothing.
    /// `None` where there are no tables.
    fn ask<T>(
        &mut self,
        question: impl Fn(&mut Client) -> Result<T, postgres::Error>,
    ) -> Result<Option<T>, LedgerError> {
        let first = self.session()?.answer(&question);
        let answer = match first {
            Err(error) if is_doubt(&error) => {
                self.session = None;
                self.session()?.answer(&question)
            }
            first => first,
        };
        answer.map_err(|error| self.unavailable(&error))
    }

    fn unavailable(&self, error: &postgres::Error) -> LedgerError {
        LedgerError::Unavailable(format!("`{}`: {}", self.place, why(error)))
    }
}

impl Session {
    fn begin(address: &Address) -> Result<Self, String> {
        let connected = if address.encrypted {
            address.config.connect(Tls::new(address.roots.as_deref())?)
        } else {
            address.config.connect(NoTls)
        };
        let mut client = connected.map_err(|error| why(&error))?;
        client.batch_execute("SET statement_timeout = '30s'").map_err(|error| why(&error))?;
        for setting in ["synchronous_commit", "fsync"] {
            let value = client.query_one("SELECT current_setting($1)", &[&setting]);
            if value.map_err(|error| why(&error))?.get::<_, String>(0) == "off" {
                return Err(format!("`{setting}` is off there: it would say so before a record is durable"));
            }
        }
        Ok(Self { client, has_schema: false, append: None })
    }

    fn find_schema(&mut self) -> Result<bool, postgres::Error> {
        if !self.has_schema {
            let found = self.client.query_one("SELECT to_regclass('tollgate.seal') IS NOT NULL", &[])?;
            self.has_schema = found.get(0);
        }
        Ok(self.has_schema)
    }

    fn answer<T>(
        &mut self,
        question: &impl Fn(&mut Client) -> Result<T, postgres::Error>,
    ) -> Result<Option<T>, postgres::Error> {
        if self.find_schema()? { question(&mut self.client).map(Some) } else { Ok(None) }
    }

    /// Whether `batch` went in.
    fn append(&mut self, expected: &Head, batch: &Batch) -> Result<bool, postgres::Error> {
        if !self.find_schema()? {
            self.client.batch_execute(SCHEMA)?;
        }
        let append = match &self.append {
            Some(append) => append.clone(),
            None => self.append.insert(self.client.prepare(APPEND)?).clone(),
        };
        let column = |of: fn(&Leaf) -> &[u8]| -> Vec<&[u8]> { batch.leaves.iter().map(of).collect() };
        let keys = |of: fn(&Leaf) -> &Key| -> Vec<Option<&[u8]>> {
            let keys = batch.leaves.iter().map(|leaf| of(leaf).0.as_slice());
            keys.map(|key| Some(key).filter(|key| key.iter().any(|byte| *byte != 0))).collect()
        };
        let row = self.client.query_one(
            &append,
            &[
                &expected.origin,
                &signed(expected.size()),
                &expected.root().as_slice(),
                &signed(batch.next.size()),
                &batch.next.root().as_slice(),
                &batch.next.frontier.nodes().concat(),
                &column(|leaf| &leaf.bytes),
                &column(|leaf| &leaf.hash),
                &column(|leaf| &leaf.keys.rid.0),
                &keys(|leaf| &leaf.keys.finding),
                &keys(|leaf| &leaf.keys.matter),
            ],
        )?;
        Ok(row.get(0))
    }
}

impl Store for Postgres {
    fn place(&self) -> String {
        self.place.clone()
    }

    fn probe(&mut self) -> Result<Option<String>, LedgerError> {
        match self.ask(made::differs)?.flatten() {
            None => Ok(None),
            Some(what) => Err(LedgerError::Unavailable(format!(
                "`{}`: {what} is not as `ledger init` makes it, so records could be overwritten",
                self.place
            ))),
        }
    }

    fn load_head(&mut self) -> Result<Option<Head>, LedgerError> {
        let row = self
            .ask(|client| client.query_one("SELECT origin, size, root, frontier FROM tollgate.head", &[]))?;
        row.map_or(Ok(None), |row| head(&row))
    }

    fn read(&mut self, _: &Head, range: Range<u64>) -> Result<Vec<Vec<u8>>, LedgerError> {
        let wanted = [signed(range.start), signed(range.end)];
        let select = "SELECT index, leaf FROM tollgate.entry WHERE index >= $1 AND index < $2 ORDER BY index";
        let rows = self.ask(|client| client.query(select, &[&wanted[0], &wanted[1]]))?.unwrap_or_default();
        // A record that is missing must not let a later one take its index.
        let contiguous =
            rows.iter().zip(range).take_while(|(row, index)| row.get::<_, i64>(0) == signed(*index));
        Ok(contiguous.map(|(row, _)| row.get(1)).collect())
    }

    fn try_append(&mut self, expected: &Head, batch: &Batch) -> Result<(), StoreError> {
        match self.session()?.append(expected, batch) {
            Ok(true) => Ok(()),
            Ok(false) => Err(StoreError::Conflict),
            Err(error) if error.code() == Some(&SET_BACK) => {
                let (size, seals) = (expected.size(), self.seals()?);
                Err(LedgerError::Rollback { size, known: seals.last().copied().unwrap_or(size) }.into())
            }
            Err(error) => Err(self.judge(&error)),
        }
    }

    fn locate(&mut self, head: &Head, wanted: &BTreeSet<Key>) -> Result<Vec<(u64, Key)>, LedgerError> {
        let keys: Vec<&[u8]> = wanted.iter().map(|key| key.0.as_slice()).collect();
        let select = "SELECT index, rid, finding, matter FROM tollgate.entry \
             WHERE index < $1 AND (rid = ANY($2) OR finding = ANY($2) OR matter = ANY($2)) ORDER BY index";
        let rows =
            self.ask(|client| client.query(select, &[&signed(head.size()), &keys]))?.unwrap_or_default();
        let mut found = Vec::new();
        for row in &rows {
            let index = unsigned(row.get(0));
            let keys =
                (1..4).filter_map(|column| row.get::<_, Option<&[u8]>>(column)?.try_into().ok().map(Key));
            found.extend(keys.filter(|key| wanted.contains(key)).map(|key| (index, key)));
        }
        Ok(found)
    }

    fn seals(&mut self) -> Result<Vec<u64>, LedgerError> {
        let rows = self.ask(|client| client.query("SELECT size FROM tollgate.seal ORDER BY size", &[]))?;
        Ok(rows.unwrap_or_default().iter().map(|row| unsigned(row.get(0))).collect())
    }

    fn read_seal(&mut self, size: u64) -> Result<Vec<u8>, LedgerError> {
        let select = "SELECT note FROM tollgate.seal WHERE size = $1";
        let row = self.ask(|client| client.query_opt(select, &[&signed(size)]))?.flatten();
        Ok(row.map(|row| row.get(0)).unwrap_or_default())
    }

    fn keep_seal(&mut self, size: u64, note: &[u8]) -> Result<(), LedgerError> {
        let kept =
            self.ask(|client| client.execute("SELECT tollgate.keep_seal($1, $2)", &[&signed(size), &note]))?;
        kept.map(|_| ()).ok_or_else(|| LedgerError::Absent(self.place()))
    }

    fn hashes(&mut self, _: &Head, range: Range<u64>) -> Result<Option<Vec<Hash>>, LedgerError> {
        let wanted = [signed(range.start), signed(range.end)];
        let select = "SELECT hash FROM tollgate.entry WHERE index >= $1 AND index < $2 ORDER BY index";
        let rows = self.ask(|client| client.query(select, &[&wanted[0], &wanted[1]]))?.unwrap_or_default();
        let hashes: Vec<Hash> =
            rows.iter().filter_map(|row| row.get::<_, &[u8]>(0).try_into().ok()).collect();
        Ok((hashes.len() as u64 == range.end - range.start).then_some(hashes))
    }
}

impl Postgres {
    /// What an error while appending means. On doubt the batch may have gone in.
    fn judge(&mut self, error: &postgres::Error) -> StoreError {
        let again = [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED];
        if is_doubt(error) {
            self.session = None;
            StoreError::Ambiguous(why(error))
        } else if error.code().is_some_and(|code| again.contains(code)) {
            StoreError::Conflict
        } else {
            StoreError::Fatal(self.unavailable(error))
        }
    }
}

/// Whether the connection is lost: the server said nothing, or that it ends what was under way.
fn is_doubt(error: &postgres::Error) -> bool {
    error.code().is_none_or(|code| ["08", "57", "58"].iter().any(|class| code.code().starts_with(class)))
}

/// `None` when nothing was appended yet.
fn head(row: &Row) -> Result<Option<Head>, LedgerError> {
    let (origin, size): (String, i64) = (row.get(0), row.get(1));
    if size == 0 {
        return Ok(None);
    }
    let (root, nodes): (&[u8], &[u8]) = (row.get(2), row.get(3));
    let nodes = nodes.chunks(32).map(|node| node.try_into().ok()).collect::<Option<Vec<Hash>>>();
    let frontier = nodes.and_then(|nodes| Frontier::from_parts(unsigned(size), nodes));
    match frontier.filter(|frontier| frontier.root() == root) {
        Some(frontier) => Ok(Some(Head { origin, frontier })),
        None => Err(LedgerError::corrupt(None, "its head is not as it was written")),
    }
}

/// The words of the server, or of whatever kept us from it, safe to print.
fn why(error: &postgres::Error) -> String {
    let text = match (error.as_db_error(), error.source()) {
        (Some(told), _) => told.message().to_owned(),
        (None, Some(cause)) => format!("{error}: {cause}"),
        (None, None) => error.to_string(),
    };
    safe::terminal(&safe::cut(&url::scrub(&text), 300))
}

/// The database has no unsigned numbers; a size beyond is none we could reach.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
