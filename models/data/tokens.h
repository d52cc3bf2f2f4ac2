// The words and punctuation marks of a text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bitale::models {

// The tokens of UTF-8 text in lower case, in order; none of them is empty or has white space in it.
//
// - A word is a run of letters and digits. One hyphen between two of them belongs to the word ("well-made"), as do one
//   full stop or comma between two digits ("1,000.5").
// - An apostrophe between a word and a letter starts the next word: "don't" is "don" and "'t".
// - Full stops next to each other are one token ("..."), hyphens too ("--"). Every other mark is a token of its own.
// - Marks of line breaks as HTML has them (<br>, <br/>, <br />, in any case) are white space, as are control characters
//   and bytes that are no UTF-8. Typographic quotes and apostrophes are read as " and '.
// - Lower case is that of ASCII and Latin-1 (É is é); a letter is what is not white space, digit (0 to 9) or mark.
//
// Theano's LSTM tutorial pipes reviews through the Moses tokenizer (English) and then makes them lower case. Moses
// differs: it leaves <br /> in, as the tokens <, br, / and >; a full stop stays with an abbreviation ("mr.", "u.s.a.")
// and between letters ("end.start"); several hyphens do not part words ("this--that"); marks are written as HTML
// entities where HTML has a use for them ("&apos;t").
std::vector<std::string> tokenize(std::string_view text);

}  // namespace bitale::models
