// DuckDB's dialect, as far as a SELECT has it: what the editor colours and proposes. Longer lists
// would bury the columns under words that no query has.

import { SQLDialect } from "@codemirror/lang-sql";

const KEYWORDS = `
  all and anti any array as asc asof between both by case cast coalesce collate cross cube current
  desc distinct else end escape except exclude exists extract fetch filter first following for
  from full glob group grouping having ignore ilike in inner intersect interval is isnull join
  lambda last lateral leading left like limit materialized natural not notnull nulls offset on
  only or order ordinality outer over overlaps partition pivot positional preceding qualify range
  recursive repeatable replace respect right rollup row rows sample select semi sets similar some
  struct table tablesample then ties to trailing try_cast unbounded union unpivot using values
  when where window with within
`;
const TYPES = `
  bigint blob boolean date decimal double float hugeint integer json map real smallint time
  timestamp timestamptz tinyint ubigint uinteger usmallint utinyint uuid varchar
`;
const FUNCTIONS = `
  abs any_value approx_count_distinct arg_max arg_min array_agg avg bool_and bool_or ceil concat
  contains corr count count_if date_diff date_part date_trunc dense_rank ends_with exp first_value
  floor greatest histogram json_extract json_extract_string lag last_value lead least length
  levenshtein list_contains list_filter list_transform ln log lower map_keys map_values max median
  min mode now ntile nullif quantile_cont random rank regexp_extract regexp_matches regexp_replace
  round row_number split sqrt starts_with stddev_samp strftime string_agg substring sum
  time_bucket today trim unnest upper
`;

const words = (text) => text.trim().replace(/\s+/g, " ");

export const DuckDB = SQLDialect.define({
  keywords: words(KEYWORDS),
  types: words(TYPES),
  builtin: words(FUNCTIONS),
  operatorChars: "+-*/<>=~!@%^&|:",
  specialVar: "",
  caseInsensitiveIdentifiers: true,
  charSetCasts: true,
  doubleDollarQuotedStrings: true,
});
