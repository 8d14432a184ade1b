//! `demo --serve`: the report on loopback, while it comes to be.
//!
//! One page at `/`. While the demo runs the page loads itself again each second. It is served on a thread of its own and
//! touches nothing but the text that it was given.

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName};
use axum::routing::get;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, PoisonError, RwLock};

/// What a page may do: show its own style, and nothing else.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// A page that is being served.
pub struct Server {
    address: SocketAddr,
    page: Arc<RwLock<Arc<str>>>,
}

impl Server {
    /// Begins to serve; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address is not on loopback or is taken.
    pub fn start(address: SocketAddr) -> io::Result<Self> {
        if !address.ip().is_loopback() {
            let message = format!("{address} is not on loopback; say 127.0.0.1:{}", address.port());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let page: Arc<RwLock<Arc<str>>> = Arc::new(RwLock::new(Arc::from("")));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shown = Arc::clone(&page);
        std::thread::Builder::new().name("serve".to_owned()).spawn(move || runtime.block_on(serve(listener, shown)))?;
        Ok(Self { address, page })
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Puts another page in place.
    pub fn show(&self, html: String) {
        *self.page.write().unwrap_or_else(PoisonError::into_inner) = html.into();
    }
}

async fn serve(listener: TcpListener, page: Arc<RwLock<Arc<str>>>) {
    let answer = move || {
        let html = page.read().unwrap_or_else(PoisonError::into_inner).to_string();
        std::future::ready((headers(), html))
    };
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return eprintln!("logloom: the report cannot be served: {error}"),
    };
    if let Err(error) = axum::serve(listener, Router::new().route("/", get(answer))).await {
        eprintln!("logloom: the report is no longer served: {error}");
    }
}

fn headers() -> [(HeaderName, &'static str); 3] {
    [(CONTENT_TYPE, "text/html; charset=utf-8"), (CACHE_CONTROL, "no-store"), (CONTENT_SECURITY_POLICY, POLICY)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpStream;

    fn ask(server: &Server) -> String {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn it_serves_the_page_that_it_was_given_last() {
        let server = Server::start(([127, 0, 0, 1], 0).into()).unwrap();
        server.show("<p>one</p>".to_owned());
        assert!(ask(&server).ends_with("<p>one</p>"));
        server.show("<p>two</p>".to_owned());
        let answer = ask(&server);
        assert!(
            answer.starts_with("HTTP/1.1 200")
                && answer.contains("default-src 'none'")
                && answer.ends_with("<p>two</p>"),
            "{answer}"
        );
    }

    #[test]
    fn only_on_loopback() {
        let error = Server::start(([0, 0, 0, 0], 8080).into()).err().unwrap();
        assert_eq!(error.to_string(), "0.0.0.0:8080 is not on loopback; say 127.0.0.1:8080");
    }
}
