//! Answers on their way: in pieces, so that it shows where a client takes nothing. Over HTTP/2 that stops one stream alone, and no
//! write to the connection waits.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Frame, SizeHint};

use super::pulse::UnderWay;

/// What a client has to take before it is given more.
const PIECE: usize = 64 * 1024;

/// An answer's body.
pub(super) struct Answer {
    body: BoxBody<Bytes, io::Error>,
    /// What was too long for one piece.
    rest: Bytes,
    offered: Option<u64>,
    under_way: UnderWay,
}

impl Answer {
    pub(super) fn new(body: BoxBody<Bytes, io::Error>, under_way: UnderWay) -> Self {
        Self { body, rest: Bytes::new(), offered: None, under_way }
    }

    fn taken(&mut self) {
        if let Some(piece) = self.offered.take() {
            self.under_way.pulse().taken(piece);
        }
    }

    fn piece(&mut self, mut bytes: Bytes) -> Frame<Bytes> {
        self.rest = if bytes.len() > PIECE { bytes.split_off(PIECE) } else { Bytes::new() };
        self.offered = Some(self.under_way.pulse().offer());
        Frame::data(bytes)
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.taken();
        if !self.rest.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            return Poll::Ready(Some(Ok(self.piece(rest))));
        }
        let frame = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
            Some(Ok(frame)) => frame,
            ended => return Poll::Ready(ended),
        };
        Poll::Ready(Some(Ok(match frame.into_data() {
            Ok(bytes) => self.piece(bytes),
            Err(trailers) => trailers,
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.rest.is_empty() {
            return self.body.size_hint();
        }
        let (rest, left) = (self.rest.len() as u64, self.body.size_hint());
        let mut hint = SizeHint::new();
        if let Some(upper) = left.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(left.lower() + rest);
        hint
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.taken();
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Full};

    use super::super::bounds::Bounds;
    use super::super::pulse::Pulse;
    use super::*;

    fn answer(text: Vec<u8>) -> (Answer, std::sync::Arc<Pulse>) {
        let pulse = Pulse::new();
        let (under_way, _) = pulse.begin(false, false);
        let body = Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed();
        (Answer::new(body, under_way), pulse)
    }

    #[tokio::test]
    async fn a_long_answer_comes_in_pieces_and_whole() {
        let text: Vec<u8> = (0..200_000u32).map(|n| n.to_le_bytes()[0]).collect();
        let (mut answer, _) = answer(text.clone());
        assert_eq!(answer.size_hint().exact(), Some(200_000));
        let (mut whole, mut sizes) = (Vec::new(), Vec::new());
        while !answer.is_end_stream() {
            let left = 200_000 - whole.len() as u64;
            assert_eq!(answer.size_hint().exact(), Some(left));
            let piece = answer.frame().await.expect("a frame").expect("no error").into_data().expect("data");
            sizes.push(piece.len());
            whole.extend_from_slice(&piece);
        }
        assert_eq!((sizes, whole == text), (vec![65_536, 65_536, 65_536, 3_392], true));
    }

    #[tokio::test]
    async fn a_piece_that_nobody_takes_is_noticed_until_the_answer_is_dropped() {
        let (mut answer, pulse) = answer(vec![0; 100_000]);
        let due = || pulse.due(&Bounds::default()).map(|(_, due)| due.name());
        assert_eq!(due(), None);
        let _piece = answer.frame().await;
        assert_eq!(due(), Some("stalled"));
        drop(answer);
        assert_eq!(due(), Some("idle"));
    }
}
