//! Keys that an ssh-agent holds: list them, and have one sign.
//!
//! A message is its length (4 bytes, most significant first), one byte of type, and fields. Three
//! pairs are used: identities (11, 12), sign (13, 14) and the failure answer (5).
//!
//! Source: draft-miller-ssh-agent, sections 4.5 and 4.6.

use std::io::{Read, Write};
use std::path::Path;
#[cfg(unix)]
use std::time::Duration;

use ssh_key::encoding::Decode;
use ssh_key::{HashAlg, SshSig};

use super::{Key, Signature, SigningError};

const FAILURE: u8 = 5;
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;

/// OpenSSH refuses longer messages too.
const MAX_MESSAGE: usize = 256 * 1024;

/// How long an answer may take: a person may have to touch a key or answer a prompt.
#[cfg(unix)]
const PATIENCE: Duration = Duration::from_secs(120);

/// A conversation with an ssh-agent.
#[derive(Debug)]
pub struct Agent<S> {
    stream: S,
    socket: String,
}

/// A key that an agent offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The public half.
    pub key: Key,
    /// What its owner calls it; untrusted text.
    pub comment: String,
}

#[cfg(unix)]
impl Agent<std::os::unix::net::UnixStream> {
    /// Opens the socket at `socket`, the value of `SSH_AUTH_SOCK`.
    ///
    /// # Errors
    ///
    /// [`SigningError::Agent`] when nobody listens there.
    pub fn connect(socket: &Path) -> Result<Self, SigningError> {
        let name = socket.display().to_string();
        let fault = |error: std::io::Error| SigningError::Agent {
            socket: name.clone(),
            cause: format!("cannot be reached: {}", error.to_string().to_lowercase()),
        };
        let stream = std::os::unix::net::UnixStream::connect(socket).map_err(fault)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(fault)?;
        stream.set_write_timeout(Some(PATIENCE)).map_err(fault)?;
        Ok(Self::over(stream, socket))
    }
}

impl<S: Read + Write> Agent<S> {
    /// Speaks over a stream that is open already; `socket` is for messages only.
    pub fn over(stream: S, socket: &Path) -> Self {
        Self { stream, socket: socket.display().to_string() }
    }

    /// The keys it holds, in its order, without the kinds we do not accept.
    pub fn offers(&mut self) -> Result<Vec<Offer>, SigningError> {
        let answer = self.ask(&[REQUEST_IDENTITIES], IDENTITIES_ANSWER)?;
        let mut fields = Fields(&answer);
        let count = fields.number().ok_or_else(|| self.fault("sent a list that cannot be read"))?;
        let mut offers = Vec::new();
        for _ in 0..count {
            let (Some(blob), Some(comment)) = (fields.bytes(), fields.bytes()) else {
                return Err(self.fault("sent a list that ends too early"));
            };
            if let Ok(key) = Key::from_blob(blob) {
                offers.push(Offer { key, comment: String::from_utf8_lossy(comment).into_owned() });
            }
        }
        Ok(offers)
    }

    /// Has `key` sign `message` for `namespace`; what comes back is verified before it is returned.
    pub fn sign(&mut self, key: &Key, namespace: &str, message: &[u8]) -> Result<Signature, SigningError> {
        let bad = || SigningError::Format("the namespace is empty".to_owned());
        let data = SshSig::signed_data(namespace, HashAlg::Sha512, message).map_err(|_| bad())?;
        let mut request = vec![SIGN_REQUEST];
        put_bytes(&mut request, &key.blob());
        put_bytes(&mut request, &data);
        request.extend_from_slice(&0_u32.to_be_bytes());
        let answer = self.ask(&request, SIGN_RESPONSE)?;
        let mut inner =
            Fields(&answer).bytes().ok_or_else(|| self.fault("sent a signature that cannot be read"))?;
        let made = ssh_key::Signature::decode(&mut inner)
            .map_err(|_| self.fault("sent a signature that cannot be read"))?;
        let blob = SshSig::new(key.data().clone(), namespace, HashAlg::Sha512, made).map_err(|_| bad())?;
        let signature = Signature::accept(blob)?;
        signature.verify(namespace, message)?;
        Ok(signature)
    }

    fn ask(&mut self, request: &[u8], wanted: u8) -> Result<Vec<u8>, SigningError> {
        let mut framed = Vec::with_capacity(request.len() + 4);
        put_bytes(&mut framed, request);
        self.stream.write_all(&framed).map_err(|_| self.fault("does not take the request"))?;
        let mut head = [0; 4];
        self.stream.read_exact(&mut head).map_err(|_| self.fault("does not answer"))?;
        let length = usize::try_from(u32::from_be_bytes(head)).unwrap_or(usize::MAX);
        if length == 0 || length > MAX_MESSAGE {
            return Err(self.fault("sent an answer of an impossible length"));
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer).map_err(|_| self.fault("stopped in the middle of its answer"))?;
        match answer.split_first() {
            Some((kind, rest)) if *kind == wanted => Ok(rest.to_vec()),
            Some((&FAILURE, _)) => {
                Err(self.fault("refuses: it is locked, does not hold the key, or was told no"))
            }
            _ => Err(self.fault("answered something else")),
        }
    }

    fn fault(&self, cause: &str) -> SigningError {
        SigningError::Agent { socket: self.socket.clone(), cause: cause.to_owned() }
    }
}

/// The fields of a message, taken from the front.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn number(&mut self) -> Option<u32> {
        let (head, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*head))
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

fn put_bytes(message: &mut Vec<u8>, bytes: &[u8]) {
    message.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    message.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::{self, Cursor};

    /// Answers every request with the same bytes.
    struct Canned(Cursor<Vec<u8>>);

    impl Read for Canned {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }

    impl Write for Canned {
        fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
            Ok(buffer.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn agent(answer: Vec<u8>) -> Agent<Canned> {
        Agent::over(Canned(Cursor::new(answer)), Path::new("agent.sock"))
    }

    #[test]
    fn an_agent_that_refuses_or_stops_is_an_error_with_help() {
        for answer in [vec![], vec![0, 0, 0, 1, FAILURE], vec![0, 0, 0, 9, IDENTITIES_ANSWER], vec![255; 8]] {
            let error = agent(answer).offers().unwrap_err();
            assert!(error.to_string().starts_with("the ssh-agent at `agent.sock` "), "{error}");
            assert!(error.help().contains("ssh-add"));
        }
    }

    proptest! {
        #[test]
        fn no_answer_makes_the_client_fall_over(body in prop::collection::vec(any::<u8>(), 0..80), kind in 12_u8..15) {
            let mut message = vec![kind];
            message.extend(body);
            let mut framed = Vec::new();
            put_bytes(&mut framed, &message);
            let _ = agent(framed.clone()).offers();
            let blob = Key::parse("ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f");
            let _ = agent(framed).sign(&blob.unwrap(), "a@b", b"x").is_ok();
        }
    }
}
