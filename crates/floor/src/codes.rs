//! A mark for each code point: the look-up that lets an offer be judged in one pass over its lists.

/// Marks by 16-bit code point, zero where nothing was set. The code points of TLS sit in a handful of
/// clusters, so a page for each high byte in use is small and a look-up is two loads.
#[derive(Clone, Debug)]
pub(crate) struct Marks {
    /// Which page holds the code points with this high byte; page 0 is the empty one.
    page_of: [u8; 256],
    pages: Vec<[u8; 256]>,
}

impl Default for Marks {
    fn default() -> Self {
        Self {
            page_of: [0; 256],
            pages: vec![[0; 256]],
        }
    }
}

impl Marks {
    /// The marks of this code point.
    pub(crate) fn get(&self, code: u16) -> u8 {
        let [high, low] = code.to_be_bytes();
        let page = self
            .page_of
            .get(usize::from(high))
            .and_then(|&page| self.pages.get(usize::from(page)));
        page.and_then(|page| page.get(usize::from(low)))
            .copied()
            .unwrap_or(0)
    }

    /// Adds marks to this code point.
    pub(crate) fn set(&mut self, code: u16, marks: u8) {
        let [high, low] = code.to_be_bytes();
        let Some(page_of) = self.page_of.get_mut(usize::from(high)) else {
            return;
        };
        if *page_of == 0 {
            // Marks are set for named code points only, and those have a few dozen high bytes between them.
            let Ok(new) = u8::try_from(self.pages.len()) else {
                return;
            };
            *page_of = new;
            self.pages.push([0; 256]);
        }
        if let Some(cell) = self
            .pages
            .get_mut(usize::from(*page_of))
            .and_then(|page| page.get_mut(usize::from(low)))
        {
            *cell |= marks;
        }
    }

    /// Every code point that has one of these marks, in order.
    pub(crate) fn with(&self, marks: u8) -> impl Iterator<Item = u16> {
        (0..=u16::MAX).filter(move |&code| self.get(code) & marks != 0)
    }
}

impl FromIterator<(u16, u8)> for Marks {
    fn from_iter<I: IntoIterator<Item = (u16, u8)>>(marks: I) -> Self {
        let mut all = Self::default();
        marks
            .into_iter()
            .filter(|&(_, marks)| marks != 0)
            .for_each(|(code, marks)| all.set(code, marks));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_is_found_and_nothing_else() {
        let marks: Marks = [
            (0x1301, 1),
            (0xc02f, 2),
            (0xc02f, 4),
            (0x0000, 8),
            (0xffff, 1),
            (0x1302, 0),
        ]
        .into_iter()
        .collect();
        assert_eq!(marks.get(0xc02f), 6);
        assert_eq!(
            marks.with(u8::MAX).collect::<Vec<_>>(),
            [0x0000, 0x1301, 0xc02f, 0xffff]
        );
        assert_eq!(marks.with(4).collect::<Vec<_>>(), [0xc02f]);
    }
}
