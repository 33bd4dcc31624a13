// JSON values: built, read back, written as text and as CBOR; and what is refused.
#include "common/json.h"

#include <limits>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace tunneld {
namespace {

const Json kWhole{{"text", "a \"b\" \xc3\xa9"},
                  {"yes", true},
                  {"small", -1},
                  {"large", std::numeric_limits<std::uint64_t>::max()},
                  {"real", 1.5},
                  {"nothing", nullptr},
                  {"list", Json::array({1, "x", Json::array()})},
                  {"object", {{"a", 1}}}};

TEST(Json, ComesBackFromTextAndCbor) {
  EXPECT_EQ(Json::parse(kWhole.dump()), kWhole);
  EXPECT_EQ(Json::parse(kWhole.dump(2)), kWhole);
  EXPECT_EQ(Json::from_cbor(kWhole.to_cbor(), 8), kWhole);
  std::ostringstream out;
  out << kWhole;
  EXPECT_EQ(out.str(), kWhole.dump());
}

TEST(Json, IsWrittenAsReadersKnowIt) {
  EXPECT_EQ((Json{{"b", 1}, {"a", Json::array({true, nullptr})}}).dump(), R"({"a":[true,null],"b":1})");
  EXPECT_EQ(Json("caf\xe9").dump(), "\"caf\xef\xbf\xbd\"") << "bytes that are no UTF-8";
  // RFC 8949, appendix A.
  EXPECT_EQ((Json{{"a", 1}, {"b", Json::array({2, 3})}}).to_cbor(),
            (std::vector<std::uint8_t>{0xa2, 0x61, 0x61, 0x01, 0x61, 0x62, 0x82, 0x02, 0x03}));
}

TEST(Json, BracesMakeObjectsOfPairsAndArraysOfAllElse) {
  EXPECT_TRUE((Json{{"a", 1}}).is_object());
  EXPECT_TRUE((Json{{"a", 1}, {2, 1}}).is_array());
  EXPECT_TRUE(Json::array({Json::array({"a", 1})}).is_array());
  EXPECT_EQ(Json(std::vector<std::string>{"a", "b"}), Json::array({"a", "b"}));
  EXPECT_EQ(Json(std::map<std::string, int>{{"a", 1}}), (Json{{"a", 1}}));
}

TEST(Json, GivesWhatItHoldsAndNothingElse) {
  EXPECT_EQ(kWhole.at("text").get<std::string>(), "a \"b\" \xc3\xa9");
  EXPECT_EQ(kWhole.at("small").get<int>(), -1);
  EXPECT_EQ(kWhole.at("list").at(0).get<double>(), 1.0) << "a whole number is a number";
  EXPECT_EQ((kWhole.at("object").get<std::map<std::string, unsigned>>()),
            (std::map<std::string, unsigned>{{"a", 1}}));
  EXPECT_EQ(kWhole.value("absent", 7), 7);
  EXPECT_THROW((void)kWhole.value("text", 7), Json::Error);
  EXPECT_THROW((void)kWhole.at("small").get<unsigned>(), Json::Error);
  EXPECT_THROW((void)kWhole.at("large").get<std::int64_t>(), Json::Error);
  EXPECT_THROW((void)kWhole.at("real").get<int>(), Json::Error) << "not rounded";
  EXPECT_THROW((void)kWhole.at("yes").get<int>(), Json::Error);
  EXPECT_THROW((void)kWhole.at("nothing").get<std::string>(), Json::Error);
  EXPECT_THROW((void)kWhole.at("absent"), Json::Error);
  EXPECT_THROW((void)kWhole.at("list").at(3), Json::Error);
  EXPECT_THROW((void)kWhole.at("list").get<std::vector<int>>(), Json::Error);
  EXPECT_THROW((void)kWhole.at("text").begin(), Json::Error);
  EXPECT_EQ(kWhole.at("text").find("x"), nullptr) << "who looks for a member of a text finds none";
}

TEST(Json, GrowsOnlyWhereItCan) {
  Json json;
  json["list"].push_back(1);
  json["list"].push_back("two");
  json["object"]["deep"] = true;
  EXPECT_EQ(json, (Json{{"list", Json::array({1, "two"})}, {"object", {{"deep", true}}}}));
  EXPECT_THROW(json["list"]["key"] = 1, Json::Error);
  EXPECT_THROW(json["object"].push_back(1), Json::Error);
  json.erase("list");
  json.erase("list");
  EXPECT_EQ(json.size(), 1U);
  EXPECT_TRUE(Json().empty());
  EXPECT_EQ(Json(1).size(), 1U);
}

TEST(Json, RefusesWhatIsNotOneWellMadeValue) {
  for (const char* text :
       {"", "{", "[1,]", "{\"a\":1,\"a\":2}", "{\"a\":{\"b\":1,\"b\":1}}", "1 2", "nul", "{a:1}", "\"\xe9\""})
    EXPECT_FALSE(Json::parse(text)) << text;
  EXPECT_TRUE(Json::parse("[[1]]", 2));
  EXPECT_FALSE(Json::parse("[[1]]", 1));
  EXPECT_FALSE(Json::parse(std::string(1'000'000, '['), 16)) << "no recursion that follows the text";
  EXPECT_TRUE(Json::parse("1", 0)) << "a number is not nested";
}

TEST(Json, RefusesCborThatAnnouncesMoreThanThereIs) {
  using Bytes = std::vector<std::uint8_t>;
  EXPECT_FALSE(Json::from_cbor(Bytes{0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 8)) << "an array";
  EXPECT_FALSE(Json::from_cbor(Bytes{0xbb, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 8)) << "a map";
  EXPECT_FALSE(Json::from_cbor(Bytes{0x7b, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 8)) << "a text";
  EXPECT_FALSE(Json::from_cbor(Bytes{0x01, 0x01}, 8)) << "more behind the end";
  EXPECT_FALSE(Json::from_cbor(Bytes{0xc1, 0x01}, 8)) << "a tag";
  EXPECT_FALSE(Json::from_cbor(Bytes{}, 8));
  EXPECT_EQ(Json::from_cbor(Bytes{0x42, 1, 2}, 8), Json(nullptr)) << "a byte string is nothing that JSON has";
}

}  // namespace
}  // namespace tunneld
