//! Answers that are the same for everybody as long as the process lives: their bytes are made when they are first asked for, compressed once,
//! and shared.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use poem::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use poem::web::{Compress, CompressionAlgo, CompressionLevel};
use poem::{Endpoint, Request, Response};
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use crate::app::App;
use crate::http::request;

/// A fixed answer, made when it is first asked for: most servers are never asked.
pub struct Fixed {
    make: Box<dyn Fn() -> Text + Send + Sync>,
    made: OnceCell<Made>,
}

/// A text and its headers.
#[derive(Debug)]
pub struct Text {
    text: Bytes,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The answer in its codings.
#[derive(Debug)]
struct Made {
    identity: Bytes,
    brotli: OnceCell<Bytes>,
    gzip: OnceCell<Bytes>,
    /// The bytes' digest.
    digest: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// What a client takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Identity,
    Gzip,
    Brotli,
}

impl Coding {
    const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Brotli => "br",
        }
    }
}

impl Text {
    /// Text of a media type.
    pub fn new(text: impl Into<Cow<'static, str>>, media_type: &'static str) -> Self {
        let text = match text.into() {
            Cow::Borrowed(text) => Bytes::from_static(text.as_bytes()),
            Cow::Owned(text) => text.into(),
        };
        let headers = vec![
            (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
            (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
            (header::VARY, HeaderValue::from_static("Accept-Encoding")),
        ];
        Self { text, headers }
    }

    /// With another header.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl From<Text> for Made {
    fn from(Text { text, headers }: Text) -> Self {
        let digest = hex::encode(&Sha256::digest(&text)[..16]);
        Self { identity: text, brotli: OnceCell::new(), gzip: OnceCell::new(), digest, headers }
    }
}

impl Fixed {
    /// What `make` makes, when it is first asked for.
    pub fn later(make: impl Fn() -> Text + Send + Sync + 'static) -> Self {
        Self { make: Box::new(make), made: OnceCell::new() }
    }

    /// Answers `GET` and `HEAD`, each counted as a request that everybody may send.
    pub fn served(self: &Arc<Self>, app: &Arc<App>) -> impl Endpoint + use<> {
        let (fixed, app) = (self.clone(), app.clone());
        poem::get(poem::endpoint::make(move |request: Request| {
            let (fixed, app) = (fixed.clone(), app.clone());
            async move {
                // It is no operation of the document, and is counted as one.
                app.limits.public(request::FACTS.get().ip).await?;
                let made = fixed.made().await?;
                Ok::<_, poem::Error>(made.answer(request.headers()).await)
            }
        }))
    }

    /// It takes some tenths of a second, which no other request is to wait for.
    async fn made(self: &Arc<Self>) -> poem::Result<&Made> {
        let make = || {
            let fixed = self.clone();
            tokio::task::spawn_blocking(move || Made::from((fixed.make)()))
        };
        self.made.get_or_try_init(make).await.map_err(poem::error::InternalServerError)
    }
}

impl Made {
    async fn answer(&self, asked: &HeaderMap) -> Response {
        let coding = wanted(asked);
        let tag = match coding {
            Coding::Identity => format!("\"{}\"", self.digest),
            coding => format!("\"{}-{}\"", self.digest, coding.name()),
        };
        let known = asked.get_all(header::IF_NONE_MATCH).iter().any(|known| matches(known, &tag));
        let mut response = Response::default();
        if known {
            response.set_status(StatusCode::NOT_MODIFIED);
        } else {
            response.set_body(self.bytes(coding).await);
        }
        let headers = response.headers_mut();
        headers.extend(self.headers.iter().cloned());
        if known {
            headers.remove(header::CONTENT_TYPE);
        } else if coding != Coding::Identity {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
        }
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            headers.insert(header::ETAG, tag);
        }
        response
    }

    async fn bytes(&self, coding: Coding) -> Bytes {
        let cell = match coding {
            Coding::Identity => return self.identity.clone(),
            Coding::Gzip => &self.gzip,
            Coding::Brotli => &self.brotli,
        };
        cell.get_or_init(|| compressed(self.identity.clone(), coding)).await.clone()
    }
}

/// It takes some tenths of a second, which no other request is to wait for.
async fn compressed(bytes: Bytes, coding: Coding) -> Bytes {
    let (algorithm, level) = match coding {
        Coding::Brotli => (CompressionAlgo::BR, CompressionLevel::Precise(5)),
        _ => (CompressionAlgo::GZIP, CompressionLevel::Default),
    };
    let compress = move || {
        let compress = Compress::new(Response::from(bytes), algorithm).with_quality(level);
        futures::executor::block_on(poem::IntoResponse::into_response(compress).into_body().into_bytes())
    };
    let made = tokio::task::spawn_blocking(compress).await;
    made.ok().and_then(Result::ok).unwrap_or_default()
}

/// The best coding that a client takes; of those that it likes as much, the shortest.
fn wanted(asked: &HeaderMap) -> Coding {
    let values = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let ranges = values.flat_map(|value| value.split(',')).filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let coding = match parts.next()?.to_ascii_lowercase().as_str() {
            "br" => Coding::Brotli,
            "gzip" | "x-gzip" => Coding::Gzip,
            _ => return None,
        };
        let quality = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        let quality: f32 = quality.map_or(Some(1.0), |quality| quality.parse().ok())?;
        (quality > 0.0).then_some((coding, quality))
    });
    let order = |(coding, quality): &(Coding, f32)| (quality.to_bits(), *coding as u8);
    ranges.max_by_key(order).map_or(Coding::Identity, |(coding, _)| coding)
}

/// Whether `If-None-Match` names a tag.
fn matches(known: &HeaderValue, tag: &str) -> bool {
    let known = known.to_str().unwrap_or_default();
    known.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(headers: &[(HeaderName, &str)]) -> HeaderMap {
        headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).expect("a header")))
            .collect()
    }

    #[test]
    fn the_shortest_coding_that_is_taken() {
        let cases = [
            ("", Coding::Identity),
            ("identity", Coding::Identity),
            ("deflate, zstd", Coding::Identity),
            ("gzip", Coding::Gzip),
            ("gzip, deflate, br", Coding::Brotli),
            ("br;q=0, gzip;q=0.2", Coding::Gzip),
            ("br;q=0.5, gzip; q=0.8", Coding::Gzip),
            ("gzip;q=nonsense", Coding::Identity),
        ];
        for (accept, expected) in cases {
            assert_eq!(wanted(&asking(&[(header::ACCEPT_ENCODING, accept)])), expected, "{accept}");
        }
    }

    #[tokio::test]
    async fn each_coding_has_a_tag_of_its_own_and_is_made_once() {
        let fixed = Made::from(Text::new("text ".repeat(1000), "text/plain"));
        let mut tags = Vec::new();
        for coding in ["identity", "gzip", "br"] {
            let accept = (header::ACCEPT_ENCODING, coding);
            let answer = fixed.answer(&asking(std::slice::from_ref(&accept))).await;
            let tag = answer.header("etag").expect("a tag").to_owned();
            assert_eq!(answer.header("vary"), Some("Accept-Encoding"));
            assert_eq!(answer.header("content-encoding"), (coding != "identity").then_some(coding));
            let first = answer.into_body().into_bytes().await.expect("bytes");
            assert!(coding == "identity" || first.len() < 500, "{coding}: {}", first.len());
            let second =
                fixed.answer(&asking(std::slice::from_ref(&accept))).await.into_body().into_bytes().await;
            assert_eq!(
                second.expect("bytes").as_ptr(),
                first.as_ptr(),
                "{coding}: the same bytes, not a copy"
            );
            for known in [tag.clone(), format!("\"other\", W/{tag}"), "*".to_owned()] {
                let asked = asking(&[accept.clone(), (header::IF_NONE_MATCH, &known)]);
                let answer = fixed.answer(&asked).await;
                assert_eq!((answer.status(), answer.header("etag")), (StatusCode::NOT_MODIFIED, Some(&*tag)));
                assert_eq!((answer.header("content-type"), answer.header("content-encoding")), (None, None));
            }
            tags.push(tag);
        }
        tags.dedup();
        assert_eq!(tags.len(), 3, "{tags:?}");
    }
}
