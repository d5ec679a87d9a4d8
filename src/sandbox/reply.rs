//! A reply before it is sent: status, content type, body, and how much of it goes out.
//!
//! In: bytes from the handlers, and faults. Out: hyper's response.
//! Guarantees: every reply has a content type and a `cf-ray`.
//! Not here: what a reply says (`handlers.rs`).

use std::io;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use chrono::{DateTime, Datelike, Utc};
use httpdate::fmt_http_date;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};

use super::faults::{After, Effect};
use super::json::Json;
use super::limit::http_date_in;
use super::options::ErrorEnvelope;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=UTF-8");
/// Years that a date of HTTP can be of: those before and after make `httpdate` panic.
const HTTP_YEARS: RangeInclusive<i32> = 1970..=9999;
const CF_RAY: HeaderName = HeaderName::from_static("cf-ray");

/// A reply before it is sent.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    content_type: HeaderValue,
    retry_after: Option<String>,
    body: Vec<u8>,
    delivery: Delivery,
}

/// How much of a body is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delivery {
    Whole,
    /// Half, then a chance to send it, then the connection ends.
    Cut,
    /// The connection ends.
    Ended,
    /// Half, then nothing.
    Stalled,
}

impl Reply {
    pub(super) const fn json(body: Vec<u8>) -> Self {
        Self::with(StatusCode::OK, JSON, body)
    }

    const fn with(status: StatusCode, content_type: HeaderValue, body: Vec<u8>) -> Self {
        Self { status, content_type, retry_after: None, body, delivery: Delivery::Whole }
    }

    /// An error in one of the two envelopes.
    pub(super) fn error(envelope: ErrorEnvelope, status: StatusCode, message: &str) -> Self {
        let mut json = Json::with_capacity(160);
        json.object(|json| {
            json.key("success").bool(false);
            match envelope {
                ErrorEnvelope::Realtimekit => json.key("error").object(|json| {
                    json.key("code").number(u64::from(status.as_u16()));
                    json.key("message").string(message);
                }),
                ErrorEnvelope::V4 => {
                    json.key("errors").array(|json| {
                        json.object(|json| {
                            json.key("code").number(v4_code(status));
                            json.key("message").string(message);
                        });
                    });
                    json.key("messages").array(|_| ());
                    json.key("result").null();
                }
            }
        });
        Self::with(status, JSON, json.into_bytes())
    }

    /// What a fault makes of this reply; nothing where the connection or the request is left alone.
    pub(super) fn struck(mut self, effect: &Effect, envelope: ErrorEnvelope) -> Self {
        match effect {
            Effect::Status(status, after) => {
                let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let mut reply = Self::error(envelope, status, "a scripted fault of the sandbox");
                reply.retry_after = after.map(|after| match after {
                    After::Seconds(secs) => secs.to_string(),
                    After::Date(secs) => http_date_in(secs),
                });
                reply
            }
            Effect::Html(status) => {
                let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_GATEWAY);
                Self::with(
                    status,
                    HTML,
                    html_page(status.as_str(), "Web server is returning an unknown error"),
                )
            }
            Effect::Edge1015 => Self::with(
                StatusCode::TOO_MANY_REQUESTS,
                HTML,
                html_page("1015", "You are being rate limited"),
            ),
            Effect::Garbage => Self::json(br#"{"success":true,"data":{"participant":{"id":"#.to_vec()),
            Effect::Refuse => {
                let mut reply = Self::error(envelope, StatusCode::OK, "a scripted refusal of the sandbox");
                reply.status = StatusCode::OK;
                reply
            }
            Effect::Shape => Self::json(br#"{"success":true,"data":[1,"two",{"three":[3.0]}]}"#.to_vec()),
            Effect::Body { megabytes } => {
                let bytes = usize::try_from(megabytes * 1_000_000).unwrap_or_default();
                let mut body = Vec::with_capacity(bytes + self.body.len() + 20);
                body.extend_from_slice(br#"{"padding":""#);
                body.resize(body.len() + bytes, b'x');
                body.extend_from_slice(b"\",");
                body.extend_from_slice(self.body.get(1..).unwrap_or_default());
                self.body = body;
                self
            }
            Effect::Cut => Self { delivery: Delivery::Cut, ..self },
            Effect::Stall => Self { delivery: Delivery::Stalled, ..self },
            Effect::Reset | Effect::Hang | Effect::Slow(_) => self,
        }
    }

    /// The response, with the headers that every reply has. Its `Date` is the world's, where that has a clock.
    pub(super) fn into_response(
        self,
        ray: u64,
        now: Option<DateTime<Utc>>,
        rate_headers: Vec<(&'static str, String)>,
    ) -> Response<ReplyBody> {
        let length = self.body.len();
        let body = Bytes::from(self.body);
        let body = match self.delivery {
            Delivery::Whole => ReplyBody { rest: Some(body), then: Delivery::Whole },
            then => ReplyBody { rest: Some(body.slice(..length / 2)), then },
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, self.content_type);
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        if let Ok(ray) = HeaderValue::from_str(&format!("{ray:016x}-AMS")) {
            headers.insert(CF_RAY, ray);
        }
        let date = now.filter(|now| HTTP_YEARS.contains(&now.year())).map(|now| fmt_http_date(now.into()));
        if let Some(Ok(date)) = date.map(HeaderValue::try_from) {
            headers.insert(DATE, date);
        }
        let retry_after = self.retry_after.and_then(|value| HeaderValue::from_str(&value).ok());
        for (name, value) in rate_headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.append(name, value);
            }
        }
        if let Some(value) = retry_after {
            headers.insert(RETRY_AFTER, value);
        }
        response
    }
}

/// The codes that Cloudflare was seen to send (API page, section 8).
fn v4_code(status: StatusCode) -> u64 {
    match status {
        StatusCode::UNAUTHORIZED => 10000,
        StatusCode::FORBIDDEN => 9109,
        StatusCode::TOO_MANY_REQUESTS => 10429,
        other => u64::from(other.as_u16()),
    }
}

fn html_page(code: &str, title: &str) -> Vec<u8> {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en-US\">\n<head><title>{title} | api.cloudflare.com</title></head>\n\
         <body><h1>Error {code}</h1><p>{title}</p></body>\n</html>\n"
    )
    .into_bytes()
}

/// A body, whole or deliberately less than its `content-length`.
#[derive(Debug)]
pub(super) struct ReplyBody {
    rest: Option<Bytes>,
    then: Delivery,
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match (self.rest.take(), self.then) {
            (Some(rest), _) => Poll::Ready(Some(Ok(Frame::data(rest)))),
            (None, Delivery::Whole) => Poll::Ready(None),
            (None, Delivery::Cut) => {
                // hyper forgets what it has buffered when a body fails; it flushes when one waits.
                self.then = Delivery::Ended;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            (None, Delivery::Ended) => Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into()))),
            // Woken by nothing: the client hangs up, or the sandbox stops.
            (None, Delivery::Stalled) => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_none() && self.then == Delivery::Whole
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.rest, self.then) {
            (Some(rest), Delivery::Whole) => {
                SizeHint::with_exact(u64::try_from(rest.len()).unwrap_or(u64::MAX))
            }
            (None, Delivery::Whole) => SizeHint::with_exact(0),
            _ => SizeHint::default(),
        }
    }
}

/// Resets the connection instead of answering.
#[derive(Debug, thiserror::Error)]
#[error("the connection is to be reset")]
pub(super) struct Reset;
