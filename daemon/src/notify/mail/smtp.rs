//! The connection to a mail server: the address is checked before it is connected to, and nothing is said in the clear
//! but to a server on this machine.

use crate::config::MailTls;
use crate::notify::pace::chain;
use crate::notify::reach::{Reach, Refused};
use lettre::Message;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use nightshift_engine::text::visible;
use secrecy::{ExposeSecret as _, SecretString};
use std::net::SocketAddr;
use std::time::Duration;

/// Until a connection stands.
const CONNECT: Duration = Duration::from_secs(5);
/// For the whole conversation.
const TOTAL: Duration = Duration::from_secs(30);

/// Name and password for the server.
#[derive(Clone, Debug)]
pub struct Credential {
    /// The name.
    pub username: String,
    /// The password.
    pub password: SecretString,
}

/// One mail server.
pub struct Server {
    host: String,
    port: u16,
    tls: MailTls,
    reach: Reach,
    parameters: TlsParameters,
    credential: Option<Credential>,
    total: Duration,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { host, port, tls, reach, .. } = self;
        f.debug_struct("Server")
            .field("host", host)
            .field("port", port)
            .field("tls", tls)
            .field("reach", reach)
            .finish_non_exhaustive()
    }
}

/// Why a server cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The authority's file holds no certificate.
    #[error("the authority's file holds no certificate")]
    Authority(#[source] lettre::transport::smtp::Error),
    /// No TLS for this name.
    #[error("no TLS can be made for {host}")]
    Tls {
        /// The host.
        host: String,
        /// What is wrong.
        #[source]
        source: lettre::transport::smtp::Error,
    },
}

/// Why a mail was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// It never will be.
    Refused(String),
    /// Not now.
    Later(String),
}

impl Server {
    /// A server. `authorities` are PEM certificates beside those of the system.
    ///
    /// # Errors
    /// [`ServerError`].
    pub fn new(
        (host, port): (&str, u16),
        tls: MailTls,
        reach: Reach,
        authorities: &[&[u8]],
        credential: Option<Credential>,
    ) -> Result<Self, ServerError> {
        let mut builder = TlsParameters::builder(host.to_owned());
        for pem in authorities {
            builder =
                builder.add_root_certificate(Certificate::from_pem(pem).map_err(ServerError::Authority)?);
        }
        let parameters =
            builder.build_rustls().map_err(|source| ServerError::Tls { host: host.to_owned(), source })?;
        let host = host.to_owned();
        Ok(Self { host, port, tls, reach, parameters, credential, total: TOTAL })
    }

    /// With another time for the whole conversation.
    #[cfg(test)]
    pub(super) fn within(self, total: Duration) -> Self {
        Self { total, ..self }
    }

    /// Hands a mail over.
    pub(super) async fn send(&self, letter: &Message, hello: &str) -> Result<(), Failed> {
        match tokio::time::timeout(self.total, self.talk(letter, hello)).await {
            Ok(said) => said,
            Err(_) => Err(Failed::Later(format!("{} did not answer in time", self.host))),
        }
    }

    async fn talk(&self, letter: &Message, hello: &str) -> Result<(), Failed> {
        let address = self.address().await.map_err(Failed::Later)?;
        let hello = ClientId::Domain(hello.to_owned());
        let implicit = (self.tls == MailTls::Implicit).then(|| self.parameters.clone());
        let connected = AsyncSmtpConnection::connect_tokio1(address, Some(CONNECT), &hello, implicit, None);
        let mut connection = connected.await.map_err(|error| self.later("connect to", &error))?;
        if self.tls == MailTls::Starttls {
            // A connection that could not be encrypted is dropped, not talked to.
            let encrypted = connection.starttls(self.parameters.clone(), &hello).await;
            encrypted.map_err(|error| self.later("encrypt the connection to", &error))?;
        }
        let said = self.hand(&mut connection, letter).await;
        // Whatever was said, it is said: the end of the conversation changes nothing.
        connection.abort().await;
        said
    }

    async fn hand(&self, connection: &mut AsyncSmtpConnection, letter: &Message) -> Result<(), Failed> {
        if self.tls != MailTls::Loopback && !connection.is_encrypted() {
            return Err(Failed::Later(format!("{} would be talked to in the clear", self.host)));
        }
        if let Some(Credential { username, password }) = &self.credential {
            let credentials = Credentials::new(username.clone(), password.expose_secret().to_owned());
            let known = connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await;
            // A password may be mended before a day is over.
            known.map_err(|error| self.later("sign in at", &error))?;
        }
        match connection.send(letter.envelope(), &letter.formatted()).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(Failed::Refused(self.said("be taken by", &error))),
            Err(error) => Err(self.later("hand the mail to", &error)),
        }
    }

    /// An address of the server that may be connected to.
    async fn address(&self) -> Result<SocketAddr, String> {
        let found = tokio::net::lookup_host((self.host.as_str(), self.port))
            .await
            .map_err(|error| format!("{} cannot be looked up: {error}", self.host))?;
        let mut refused: Option<Refused> = None;
        for address in found {
            let ip = address.ip();
            if self.tls == MailTls::Loopback {
                if ip.is_loopback() {
                    return Ok(address);
                }
                continue;
            }
            match self.reach.check(ip) {
                Ok(()) => return Ok(address),
                Err(why) => refused = Some(why),
            }
        }
        Err(match refused {
            Some(why) => format!("{} is refused: the address is {}", self.host, why.clause()),
            None => format!("{} is not on this machine, and `tls: loopback` goes nowhere else", self.host),
        })
    }

    fn later(&self, doing: &str, error: &lettre::transport::smtp::Error) -> Failed {
        Failed::Later(self.said(doing, error))
    }

    /// What failed, without the password that a server may have said back.
    fn said(&self, doing: &str, error: &lettre::transport::smtp::Error) -> String {
        let mut text = chain(error);
        if let Some(credential) = &self.credential {
            text = text.replace(credential.password.expose_secret(), "(password)");
        }
        visible(&format!("could not {doing} {}: {text}", self.host), 300)
    }
}
