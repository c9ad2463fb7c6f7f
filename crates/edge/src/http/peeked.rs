//! The body of a request whose beginning was looked at before it is passed on.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};

/// A body, whole: what was looked at comes first, unchanged, and the rest as it comes.
pub(crate) struct Peeked<B = Incoming> {
    first: VecDeque<Frame<Bytes>>,
    failed: Option<hyper::Error>,
    rest: B,
}

impl<B> From<B> for Peeked<B> {
    fn from(rest: B) -> Self {
        Self {
            first: VecDeque::new(),
            failed: None,
            rest,
        }
    }
}

impl<B: Body<Data = Bytes, Error = hyper::Error> + Unpin> Peeked<B> {
    /// Waits for the first `most` bytes, or for all where there are fewer, and puts them into `beginning`. True if they
    /// are the whole body. What came is kept for whoever reads the body, whether this is waited for to its end or not.
    pub(crate) async fn look(&mut self, most: usize, beginning: &mut Vec<u8>) -> bool {
        // Frames can be empty: their number is bounded too.
        while beginning.len() < most && self.first.len() < most {
            match self.rest.frame().await {
                Some(Ok(frame)) => {
                    let data = frame.data_ref().map(AsRef::as_ref).unwrap_or_default();
                    let room = most - beginning.len();
                    let cut = data.get(..room);
                    beginning.extend_from_slice(cut.unwrap_or(data));
                    let is_cut = cut.is_some_and(|cut| cut.len() < data.len());
                    self.first.push_back(frame);
                    if is_cut {
                        return false;
                    }
                }
                // Told to whoever reads the body.
                Some(Err(error)) => {
                    self.failed = Some(error);
                    return false;
                }
                None => return true,
            }
        }
        self.rest.is_end_stream()
    }
}

impl<B: Body<Data = Bytes, Error = hyper::Error> + Unpin> Body for Peeked<B> {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(frame) = self.first.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Some(Err(error)));
        }
        Pin::new(&mut self.rest).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_empty() && self.failed.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let first: u64 = self
            .first
            .iter()
            .filter_map(Frame::data_ref)
            .map(|data| u64::try_from(data.len()).unwrap_or(u64::MAX))
            .sum();
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        // The upper bound first: it may not be below the lower.
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(first));
        }
        hint.set_lower(rest.lower().saturating_add(first));
        hint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body in these parts, whose errors cannot happen.
    struct Parts(VecDeque<&'static str>);

    impl Body for Parts {
        type Data = Bytes;
        type Error = hyper::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
            let part = self.0.pop_front();
            Poll::Ready(part.map(|part| Ok(Frame::data(Bytes::from(part)))))
        }

        fn is_end_stream(&self) -> bool {
            self.0.is_empty()
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(self.0.iter().map(|part| part.len() as u64).sum())
        }
    }

    async fn looked(parts: &[&'static str]) -> (String, bool, Option<u64>, String) {
        let mut body = Peeked::from(Parts(parts.iter().copied().collect()));
        let mut beginning = Vec::new();
        let whole = body.look(8, &mut beginning).await;
        let length = body.size_hint().exact();
        let all = body.collect().await.unwrap().to_bytes();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (text(&beginning), whole, length, text(&all))
    }

    #[tokio::test]
    async fn the_body_stays_as_it_came() {
        for (parts, beginning, whole) in [
            (&[][..], "", true),
            (&["abc"], "abc", true),
            (&["abc", "", "defgh"], "abcdefgh", true),
            (&["abcdefghi"], "abcdefgh", false),
            (&["abcdefgh", "i", "j"], "abcdefgh", false),
            (&["abc", "defghij", "k"], "abcdefgh", false),
        ] {
            let all = parts.concat();
            let expected = (beginning.to_owned(), whole, Some(all.len() as u64), all);
            assert_eq!(looked(parts).await, expected, "{parts:?}");
        }
    }
}
