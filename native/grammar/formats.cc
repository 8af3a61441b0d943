#include "grammar/formats.h"

#include <utility>

namespace conclave::grammar {
namespace {

#define DATE                                                                           \
  "[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|" \
  "[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
#define TIME "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,6})?"
#define ZONE "(?:Z|[+-](?:0[0-9]|1[0-4]):(?:00|30))"
#define LABEL "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,30}[a-zA-Z0-9])?"
#define HOST LABEL "(?:\\." LABEL "){0,6}"
#define OCTET "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
#define PATH "(?:/[a-zA-Z0-9._~-]{0,64}){0,16}"

constexpr std::pair<std::string_view, std::string_view> kFormats[] = {
    {"date", DATE},
    {"time", TIME ZONE},
    {"date-time", DATE "T" TIME ZONE},
    {"iso-date-time", DATE "T" TIME ZONE},
    {"duration", "P(?:[0-9]{1,4}D(?:T[0-9]{1,4}[HMS])?|T[0-9]{1,4}[HMS]|[0-9]{1,4}[WMY])"},
    {"uuid", "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"},
    {"email", "[a-zA-Z0-9_+-]{1,32}(?:\\.[a-zA-Z0-9_+-]{1,32}){0,3}@" LABEL "(?:\\." LABEL "){0,2}"
              "\\.[a-zA-Z]{2,16}"},
    {"hostname", HOST},
    {"ipv4", OCTET "(?:\\." OCTET "){3}"},
    {"ipv6", "(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}"},
    {"uri", "(?:https?|ftp)://" HOST "(?::[1-9][0-9]{0,3})?" PATH
            "(?:\\?[a-zA-Z0-9._~=&-]{0,128})?(?:#[a-zA-Z0-9._~-]{0,64})?"},
    {"url", "https?://" HOST "\\.[a-zA-Z]{2,16}" PATH},
    {"uri-reference", PATH "(?:\\?[a-zA-Z0-9._~=&-]{0,128})?"},
    {"json-pointer", "(?:/[a-zA-Z0-9._-]{0,64}){0,16}"},
    {"byte", "(?:[A-Za-z0-9+/]{4}){0,4096}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"},
};

}  // namespace

std::string_view format_pattern(std::string_view name) {
  for (const auto& [known, pattern] : kFormats)
    if (known == name) return pattern;
  return {};
}

}  // namespace conclave::grammar
