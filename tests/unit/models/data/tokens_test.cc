#include "models/data/tokens.h"

#include "tests/support/catch.h"

using namespace bitale::models;

namespace {

// The tokens with bars between them.
std::string tokens(std::string_view text) {
  std::string joined;
  for (const std::string& token : tokenize(text)) joined += (joined.empty() ? "" : "|") + token;
  return joined;
}

}  // namespace

TEST_CASE("tokens are words and marks in lower case") {
  CHECK(tokens("A great Film, really!") == "a|great|film|,|really|!");
  CHECK(tokens("one") == "one");
  CHECK(tokens("(8/10) \"B\" $5") == "(|8|/|10|)|\"|b|\"|$|5");
  CHECK(tokens("What?!") == "what|?|!");
  CHECK(tokens("B2B sci5fi") == "b2b|sci5fi");
}

TEST_CASE("a text without words has no tokens") {
  CHECK(tokenize("").empty());
  CHECK(tokenize(" \t\r\n ").empty());
  CHECK(tokenize("<br /><br />").empty());
}

TEST_CASE("marks of line breaks are white space, other tags are not") {
  CHECK(tokens("good.<br /><br />Bad") == "good|.|bad");
  CHECK(tokens("a<br>b<BR/>c<Br   />d") == "a|b|c|d");
  CHECK(tokens("a<i>b") == "a|<|i|>|b");
  CHECK(tokens("a<br") == "a|<|br");
  CHECK(tokens("a<br/") == "a|<|br|/");
  CHECK(tokens("a<brag>") == "a|<|brag|>");
  CHECK(tokens("<br><") == "<");
}

TEST_CASE("an apostrophe after a word starts the next one") {
  CHECK(tokens("don't IT'S") == "don|'t|it|'s");
  CHECK(tokens("the 1990's rock'n'roll") == "the|1990|'s|rock|'n|'roll");
  CHECK(tokens("'80s dogs' ''Conan''") == "'|80s|dogs|'|'|'|conan|'|'");
  CHECK(tokens("it'") == "it|'");
  CHECK(tokens("of'99") == "of|'|99");
  CHECK(tokens("'") == "'");
  CHECK(tokens("o'well-made") == "o|'well-made");
}

TEST_CASE("one hyphen joins words, several part them") {
  CHECK(tokens("well-made two-and-a-half") == "well-made|two-and-a-half");
  CHECK(tokens("this--that - and-") == "this|--|that|-|and|-");
  CHECK(tokens("-foot ---") == "-|foot|---");
}

TEST_CASE("full stops and commas stay within numbers only") {
  CHECK(tokens("1,000.5 dollars") == "1,000.5|dollars");
  CHECK(tokens("In 1999. Or 3,") == "in|1999|.|or|3|,");
  CHECK(tokens("end.Start a,b .5") == "end|.|start|a|,|b|.|5");
  CHECK(tokens("well... Mr. U.S.") == "well|...|mr|.|u|.|s|.");
  CHECK(tokens("1..2") == "1|..|2");
}

TEST_CASE("letters beyond ASCII are letters, and marks beyond it are marks") {
  CHECK(tokens("CAFÉ naïve") == "café|naïve");
  CHECK(tokens("Ōkami кино") == "Ōkami|кино");  // lower case is that of Latin-1
  CHECK(tokens("don’t “quoted” ‘q’") == "don|'t|\"|quoted|\"|'|q|'");
  CHECK(tokens("a–b…£5 3×4") == "a|–|b|…|£|5|3|×|4");
  CHECK(tokens("no\u00a0break a\u0085b \ufeffx") == "no|break|a|b|x");
  CHECK(tokens("good\U0001f600\U0001f600") == "good|\U0001f600|\U0001f600");
}

TEST_CASE("bytes that are no UTF-8 are white space") {
  CHECK(tokens("caf\xe9 noir") == "caf|noir");
  CHECK(tokens("a\xff\xfe\x62") == "a|b");
  CHECK(tokens("cut\xe2\x80") == "cut");
}
