// LINK: compiler
//===-- huggingface_test.c - folders, config.json and tokenizer.json ------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The ids of 641 texts are those of Hugging Face's `tokenizers`, which also wrote stages.json
// (tests/tools/make_pretokenizer_ids.py): a tokenizer.json with these stages must give these ids.
//===----------------------------------------------------------------------===//
#include "dialect/import/checkpoint/decoder_tensors.h"
#include "dialect/import/huggingface/folder.h"
#include "tests/unit/byte_alphabet.h"
#include "tests/unit/text_corpus.h"
#include "text/pretokenize.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

static char folder[] = "/tmp/resq-huggingface-XXXXXX";
static const char *const files[] = {"config.json",           "tokenizer.json",
                                    "tokenizer_config.json", "generation_config.json",
                                    "chat_template.jinja",   "special_tokens_map.json",
                                    "model.safetensors",     "model.safetensors.index.json",
                                    "one.safetensors",       "two.safetensors"};
enum { N_FILES = sizeof files / sizeof *files };

static void remove_files(void) {
  for (int i = 0; i < N_FILES; ++i) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, files[i]);
    unlink(path);
  }
}

static int set_up(void **state) {
  (void)state;
  return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state) {
  (void)state;
  remove_files();
  return rmdir(folder);
}

static void write_file(const char *name, const void *data, size_t size) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(data, 1, size, file), size);
  assert_int_equal(fclose(file), 0);
}

static void write_text(const char *name, const char *text) { write_file(name, text, strlen(text)); }

static void write_json(const char *name, json_t *value) {
  char *text = json_dumps(value, 0);
  assert_non_null(text);
  write_text(name, text);
  free(text);
}

/// A file of one f32 tensor of one element.
static void write_tensor(const char *name, const char *tensor) {
  char bytes[256];
  int size = snprintf(bytes + 8, sizeof bytes - 8,
                      "{\"%s\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", tensor);
  uint64_t length = (uint64_t)size;
  memcpy(bytes, &length, 8);
  memset(bytes + 8 + length, 0, 4);
  write_file(name, bytes, 8 + length + 4);
}

static json_t *parse(const char *text) {
  json_error_t why;
  json_t *value = json_loads(text, JSON_DECODE_ANY, &why);
  if (!value)
    fail_msg("%s: %s", text, why.text);
  return value;
}

/// Sets the value at a path of keys and indices, "model.merges.0"; an empty value deletes it.
static void edit(json_t *root, const char *path, const char *value) {
  char key[64];
  for (;;) {
    size_t n = strcspn(path, ".");
    memcpy(key, path, n);
    key[n] = 0;
    if (!path[n])
      break;
    root =
        json_is_array(root) ? json_array_get(root, (size_t)atoi(key)) : json_object_get(root, key);
    assert_non_null(root);
    path += n + 1;
  }
  if (json_is_array(root))
    json_array_set_new(root, (size_t)atoi(key), parse(value));
  else if (*value)
    json_object_set_new(root, key, parse(value));
  else
    json_object_del(root, key);
}

static void expect_error(const resq_error *err, resq_code code, const char *why) {
  if (err->code != code || !strstr(err->message, why) || !strstr(err->message, folder))
    fail_msg("wanted '%s', got code %d: %s", why, err->code, err->message);
}

//===-- Tokenizers --------------------------------------------------------===//

/// The vocabulary of tests/unit/pretokenizers: 256 bytes, what the merges give, and other tokens.
static json_t *make_model(bool pairs) {
  size_t size = 0;
  char *lines = corpus_file("merges.txt", &size);
  assert_non_null(lines);
  byte_alphabet alphabet;
  byte_alphabet_make(alphabet);
  json_t *vocabulary = json_object(), *merges = json_array();
  for (int b = 0; b < 256; ++b)
    json_object_set_new(vocabulary, alphabet[b], json_integer(b));
  for (char *at = lines, *end; at < lines + size; at = end + 1) {
    end = strchr(at, '\n');
    *end = 0;
    char *space = strchr(at, ' ');
    if (space && !pairs)
      json_array_append_new(merges, json_string(at));
    if (space) {
      *space = 0;
      if (pairs)
        json_array_append_new(merges, json_pack("[s, s]", at, space + 1));
      memmove(space, space + 1, strlen(space + 1) + 1);
    }
    if (!json_object_get(vocabulary, at))
      json_object_set_new(vocabulary, at, json_integer((json_int_t)json_object_size(vocabulary)));
  }
  free(lines);
  return json_pack("{s: s, s: o, s: o}", "type", "BPE", "vocab", vocabulary, "merges", merges);
}

/// Writes the files of a folder with this tokenizer.
static void write_folder(json_t *tokenizer, int64_t tokens) {
  char config[64];
  snprintf(config, sizeof config, "{\"vocab_size\": %lld}", (long long)tokens);
  remove_files();
  write_text("config.json", config);
  write_tensor("model.safetensors", "t");
  write_json("tokenizer.json", tokenizer);
}

/// Reads the folder's tokenizer; false with the error.
static bool read_tokenizer(resq_checkpoint **c, resq_checkpoint_tokenizer *out, resq_error *err) {
  *err = (resq_error){0};
  *c = resq_hugging_face_checkpoint_open(folder, err);
  if (!*c)
    fail_msg("%s", err->message);
  assert_true(resq_checkpoint_has_tokenizer(*c));
  return resq_checkpoint_read_tokenizer(*c, out, err);
}

static void compare_ids(const text_corpus *corpus, const resq_tokenizer_source *source,
                        const char *name) {
  resq_error err = {0};
  uint64_t size;
  uint8_t *blob = resq_tokenizer_build(source, &size, &err);
  resq_tokenizer *t = blob ? resq_tokenizer_open(blob, size, &err) : NULL;
  if (!t)
    fail_msg("%s: %s", name, err.message);
  int differ = corpus_compare(corpus, t, name, 2);
  if (differ)
    fail_msg("%s: %d texts differ", name, differ);
  resq_tokenizer_close(t);
  free(blob);
}

static void every_stage(void **state) {
  (void)state;
  // Stages that resq's pre-tokenizers have, and no tokenizer.json that people hold.
  static const char *const unknown[] = {"deepseek_llm", "unnamed", "poro", "viking"};
  size_t size;
  char *text = corpus_file("stages.json", &size);
  assert_non_null(text);
  json_t *all = parse(text), *stages;
  const char *name;
  int read = 0, refused = 0;
  text_corpus corpus = corpus_open();
  assert_true(corpus.count >= 500);
  json_object_foreach(all, name, stages) {
    json_t *model = make_model(read % 2);
    int64_t tokens = (int64_t)json_object_size(json_object_get(model, "vocab"));
    json_object_set(model, "ignore_merges", json_object_get(stages, "ignore_merges"));
    json_t *root = json_pack("{s: o, s: O, s: O}", "model", model, "normalizer",
                             json_object_get(stages, "normalizer"), "pre_tokenizer",
                             json_object_get(stages, "pre_tokenizer"));
    write_folder(root, tokens + 3);
    json_decref(root);
    resq_checkpoint *c;
    resq_checkpoint_tokenizer found;
    resq_error err;
    bool ok = read_tokenizer(&c, &found, &err), is_unknown = false;
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; ++i)
      is_unknown |= !strcmp(unknown[i], name);
    if (is_unknown) {
      assert_false(ok);
      expect_error(&err, RESQ_BAD_INPUT,
                   "key 'pre_tokenizer': resq does not know these stages without NFC");
      ++refused;
    } else {
      if (!ok)
        fail_msg("%s: %s", name, err.message);
      resq_pretokenizer *pre = resq_pretokenizer_create(found.source.pre, NULL);
      assert_int_equal(resq_pretokenizer_normalizes(pre), strstr(name, "-nfc") != NULL);
      assert_int_equal(resq_pretokenizer_whole_pieces(pre), strstr(name, "-whole") != NULL);
      resq_pretokenizer_destroy(pre);
      assert_int_equal(found.source.n_tokens, tokens + 3);
      assert_int_equal(found.source.token_types[tokens + 2], 5);
      compare_ids(&corpus, &found.source, name);
      ++read;
    }
    resq_checkpoint_free_tokenizer(&found);
    resq_checkpoint_close(c);
  }
  assert_true(read == 12 && refused == 4);
  corpus_close(&corpus);
  json_decref(all);
  free(text);
}

/// A small tokenizer that reads.
static json_t *good_tokenizer(void) {
  return parse(
      "{\"version\": \"1.0\", \"truncation\": null, \"padding\": null, \"added_tokens\": ["
      "{\"id\": 3, \"content\": \"<s>\", \"special\": true, \"normalized\": false},"
      "{\"id\": 4, \"content\": \"<u>\", \"special\": false, \"normalized\": false}],"
      "\"normalizer\": null, \"pre_tokenizer\": {\"type\": \"ByteLevel\", "
      "\"add_prefix_space\": false, \"trim_offsets\": true, \"use_regex\": true},"
      "\"post_processor\": {\"type\": \"ByteLevel\"}, \"decoder\": {\"type\": \"ByteLevel\"},"
      "\"model\": {\"type\": \"BPE\", \"unk_token\": null, \"ignore_merges\": false,"
      "\"vocab\": {\"a\": 0, \"b\": 1, \"ab\": 2}, \"merges\": [[\"a\", \"b\"]]}}");
}

#define TEMPLATE(single)                                                                           \
  "{\"type\": \"TemplateProcessing\", \"single\": " single ", \"pair\": [], "                      \
  "\"special_tokens\": {\"<s>\": {\"id\": \"<s>\", \"ids\": [3], \"tokens\": [\"<s>\"]}}}"
#define SPECIAL "{\"SpecialToken\": {\"id\": \"<s>\", \"type_id\": 0}}"
#define TEXT "{\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}"

static void refused_tokenizers(void **state) {
  (void)state;
  static const struct {
    const char *path, *value, *why;
  } cases[] = {
      {"extra", "1", "key 'extra' is 1; the key is not known"},
      {"normalizer", "{\"type\": \"NFKC\"}",
       "key 'normalizer': stage 'NFKC' is not supported; NFC is"},
      {"normalizer", "{\"type\": \"NFC\"}", "resq does not know these stages with NFC"},
      {"pre_tokenizer", "{\"type\": \"Metaspace\"}",
       "key 'pre_tokenizer': stage 'Metaspace' is not supported; Split, Digits and ByteLevel are"},
      {"pre_tokenizer", "null", "key 'pre_tokenizer' is missing; its stages must end in ByteLevel"},
      {"pre_tokenizer.add_prefix_space", "true",
       "stage 'ByteLevel': key 'add_prefix_space' is true; false is supported"},
      {"pre_tokenizer.use_regex", "false", "resq does not know these stages"},
      {"pre_tokenizer", "{\"type\": \"Digits\"}",
       "stage 'Digits' is not supported; stages that end in ByteLevel are"},
      {"pre_tokenizer",
       "{\"type\": \"Split\", \"pattern\": {\"String\": \" \"}, \"behavior\": \"Isolated\"}",
       "key 'pattern' is {\"String\":\" \"}; a \"Regex\" is supported"},
      {"pre_tokenizer",
       "{\"type\": \"Split\", \"pattern\": {\"Regex\": \" \"}, \"behavior\": \"Removed\"}",
       "key 'behavior' is \"Removed\"; \"Isolated\", or \"Removed\" with \"invert\""},
      {"post_processor", "{\"type\": \"BertProcessing\"}",
       "stage 'BertProcessing' is not supported"},
      {"post_processor", TEMPLATE("[" TEXT ", " SPECIAL "]"), "at most one token before it"},
      {"post_processor", TEMPLATE("[]"), "at most one token before it is supported"},
      {"decoder", "{\"type\": \"WordPiece\"}",
       "key 'decoder': stage 'WordPiece' is not supported; ByteLevel is"},
      {"model.type", "\"Unigram\"", "key 'type' is \"Unigram\"; \"BPE\" is needed"},
      {"model.byte_fallback", "true", "key 'byte_fallback' is true; false is needed"},
      {"model.dropout", "0.1", "key 'dropout' is 0.1"},
      {"model.end_of_word_suffix", "\"</w>\"", "key 'end_of_word_suffix' is \"</w>\""},
      {"model.unk_token", "\"<s>\"", "null is needed where a byte has no token of its own"},
      {"model.vocab", "[]", "key 'vocab' is []; an object of tokens and ids is needed"},
      {"model.vocab.c", "2", "have the same id 2"},
      {"model.vocab.c", "6", "token 'c' has an id that is no integer from 0 to 5"},
      {"model.vocab.c", "-1", "token 'c' has an id that is no integer from 0 to 5"},
      {"model.vocab.c", "3", "added token '<s>' has the id 3 of token 'c'"},
      {"model.merges", "{}", "key 'merges' is {}; a list of merges is needed"},
      {"model.merges.0", "\"ab\"", "merge 0 is neither"},
      {"model.merges.0", "[\"a\"]", "merge 0 is neither"},
      {"model.merges.0", "\"a b c\"", "merge 0 is neither"},
      {"model.merges.0", "[\"a\", \" b\"]", "merge 0 is neither"},
      {"added_tokens", "3", "key 'added_tokens' is 3; a list is needed"},
      {"added_tokens.0.content", "", "an added token without 'content'"},
      {"added_tokens.0.lstrip", "true", "added token '<s>': 'lstrip' is true; false is needed"},
      {"added_tokens.0.rstrip", "true", "'rstrip' is true"},
      {"added_tokens.1.single_word", "true", "added token '<u>': 'single_word' is true"},
      {"added_tokens.1.normalized", "true", "tokens with 'normalized' true and false"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    json_t *root = good_tokenizer();
    edit(root, cases[i].path, cases[i].value);
    write_folder(root, 6);
    json_decref(root);
    resq_checkpoint *c;
    resq_checkpoint_tokenizer read;
    resq_error err;
    if (read_tokenizer(&c, &read, &err))
      fail_msg("%s = %s is accepted", cases[i].path, cases[i].value);
    expect_error(&err, RESQ_BAD_INPUT, cases[i].why);
    assert_null(read.source.tokens);
    resq_checkpoint_close(c);
  }
}

/// Which tokens begin and end a text, and the chat template.
static void special_tokens(void **state) {
  (void)state;
  static const struct {
    const char *post, *config, *tokenizer_config, *generation, *map;
    int64_t bos, eos, ends;
    bool add_bos;
    const char *chat, *why;
  } cases[] = {
      {NULL, "{\"vocab_size\": 6}", NULL, NULL, NULL, -1, -1, 0, false, "", NULL},
      {TEMPLATE("[" SPECIAL ", " TEXT "]"), "{\"vocab_size\": 6}", NULL, NULL, NULL, 3, -1, 0, true,
       "", NULL},
      {TEMPLATE("[" TEXT "]"), "{\"vocab_size\": 6, \"bos_token_id\": 3, \"eos_token_id\": [4, 2]}",
       "{\"chat_template\": \"x\"}", NULL, NULL, 3, 4, 2, false, "x", NULL},
      {NULL, "{\"vocab_size\": 6, \"eos_token_id\": 2}",
       "{\"bos_token\": {\"content\": \"<s>\"}, \"eos_token\": \"<u>\", \"add_bos_token\": true, "
       "\"chat_template\": [{\"name\": \"tool\", \"template\": \"t\"}, {\"name\": \"default\", "
       "\"template\": \"d\"}]}",
       "{\"eos_token_id\": [0, 1]}", NULL, 3, 4, 3, true, "d", NULL},
      {NULL, "{\"vocab_size\": 6}", "{}", NULL, "{\"bos_token\": \"a\", \"eos_token\": \"b\"}", 0,
       1, 0, false, "", NULL},
      {NULL, "{\"vocab_size\": 6, \"eos_token_id\": 6}", NULL, NULL, NULL, 0, 0, 0, false, NULL,
       "key 'eos_token_id' is 6; an id of the vocabulary is needed"},
      {NULL, "{\"vocab_size\": 6}", "{\"eos_token\": \"c\"}", NULL, NULL, 0, 0, 0, false, NULL,
       "key 'eos_token' is \"c\"; a token of the vocabulary is needed"},
      {NULL, "{\"vocab_size\": 6}", "{\"add_bos_token\": true}", NULL, NULL, 0, 0, 0, false, NULL,
       "key 'add_bos_token' is true; there is no bos_token"},
      {TEMPLATE("[" SPECIAL ", " TEXT "]"), "{\"vocab_size\": 6}", "{\"add_bos_token\": false}",
       NULL, NULL, 0, 0, 0, false, NULL, "tokenizer.json's post_processor adds a BOS token"},
      {TEMPLATE("[" SPECIAL ", " TEXT "]"), "{\"vocab_size\": 6}", "{\"bos_token\": \"a\"}", NULL,
       NULL, 0, 0, 0, false, NULL, "puts token 3 before a text; the BOS token, 0, is supported"},
      {NULL, "{\"vocab_size\": 6}", "{\"add_eos_token\": true}", NULL, NULL, 0, 0, 0, false, NULL,
       "key 'add_eos_token' is true; false is needed"},
      {NULL, "{\"vocab_size\": 6}", "{\"added_tokens_decoder\": {\"3\": {\"content\": \"<t>\"}}}",
       NULL, NULL, 0, 0, 0, false, NULL, "token 3, '<t>', is not that of tokenizer.json"},
      {NULL, "{}", NULL, NULL, NULL, 0, 0, 0, false, NULL, "key 'vocab_size' is missing"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    json_t *root = good_tokenizer();
    if (cases[i].post)
      edit(root, "post_processor", cases[i].post);
    write_folder(root, 6);
    json_decref(root);
    const char *const texts[] = {cases[i].config,     NULL, cases[i].tokenizer_config,
                                 cases[i].generation, NULL, cases[i].map};
    for (int k = 0; k < 6; ++k)
      if (texts[k])
        write_text(files[k], texts[k]);
    resq_checkpoint *c;
    resq_checkpoint_tokenizer read;
    resq_error err;
    bool ok = read_tokenizer(&c, &read, &err);
    const resq_tokenizer_source *s = &read.source;
    if (cases[i].why) {
      assert_false(ok);
      expect_error(&err, RESQ_BAD_INPUT, cases[i].why);
    } else if (!ok) {
      fail_msg("case %zu: %s", i, err.message);
    } else {
      assert_true(s->bos == cases[i].bos && s->eos == cases[i].eos && s->n_ends == cases[i].ends);
      assert_int_equal(s->add_bos, cases[i].add_bos);
      assert_string_equal(s->chat_template, cases[i].chat);
      assert_true(s->token_types[3] == 3 && s->token_types[4] == 4 && s->token_types[5] == 5);
    }
    resq_checkpoint_free_tokenizer(&read);
    resq_checkpoint_close(c);
  }
}

//===-- Folders -----------------------------------------------------------===//

static void expect_folder_refused(resq_code code, const char *why) {
  resq_error err = {0};
  resq_checkpoint *c = resq_hugging_face_checkpoint_open(folder, &err);
  if (c)
    fail_msg("wanted '%s', but the folder opens", why);
  expect_error(&err, code, why);
}

static void shards(void **state) {
  (void)state;
#define INDEX(map) "{\"metadata\": {}, \"weight_map\": " map "}"
  static const struct {
    const char *index, *why;
  } cases[] = {
      {"{}", "key 'weight_map' is no object of tensors and their files"},
      {INDEX("{\"a\": \"../one.safetensors\"}"), "is not the name of a file in this folder"},
      {INDEX("{\"a\": \"..\"}"), "'..' is not the name of a file in this folder"},
      {INDEX("{\"a\": 1}"), "is not the name of a file in this folder"},
      {INDEX("{\"a\": \"one.safetensors\", \"c\": \"two.safetensors\"}"),
       "tensor 'c' is not in 'two.safetensors'"},
      {INDEX("{\"a\": \"two.safetensors\", \"b\": \"one.safetensors\"}"),
       "tensor 'a' is not in 'two.safetensors'"},
      {INDEX("{\"a\": \"one.safetensors\", \"b\": \"one.safetensors\"}"),
       "tensor 'b' is not in 'one.safetensors'"},
  };
  remove_files();
  write_text("config.json", "{}");
  expect_folder_refused(RESQ_IO, "neither 'model.safetensors' nor 'model.safetensors.index.json'");
  write_tensor("one.safetensors", "a");
  write_tensor("two.safetensors", "b");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    write_text("model.safetensors.index.json", cases[i].index);
    expect_folder_refused(RESQ_BAD_INPUT, cases[i].why);
  }
  write_text("model.safetensors.index.json", INDEX("{\"a\": \"three.safetensors\"}"));
  expect_folder_refused(RESQ_IO, "three.safetensors");
  const char *good = INDEX("{\"b\": \"two.safetensors\", \"a\": \"one.safetensors\"}");
  write_text("model.safetensors.index.json", good);
  resq_error err = {0};
  resq_checkpoint *c = resq_hugging_face_checkpoint_open(folder, &err);
  if (!c)
    fail_msg("%s", err.message);
  resq_checkpoint_tensor tensor;
  float value = 1;
  assert_int_equal(resq_checkpoint_count(c), 2);
  assert_true(resq_checkpoint_find(c, "b", &tensor) && !resq_checkpoint_find(c, "c", &tensor));
  assert_true(resq_checkpoint_rows(c, &tensor, 0, 1, &value, &err) && value == 0);
  XXH128_hash_t digest = resq_checkpoint_digest(c);
  resq_checkpoint_close(c);
  // Another file is another checkpoint.
  write_text("chat_template.jinja", "x");
  c = resq_hugging_face_checkpoint_open(folder, &err);
  assert_false(XXH128_isEqual(resq_checkpoint_digest(c), digest));
  resq_checkpoint_close(c);
  write_tensor("two.safetensors", "a");
  write_text("model.safetensors.index.json", good);
  expect_folder_refused(RESQ_BAD_INPUT,
                        "tensor 'a' is in 'two.safetensors' and in 'one.safetensors'");
  remove_files();
  expect_folder_refused(RESQ_IO, "without a config.json");
}

/// Keys of a configuration, each by its name.
static void configurations(void **state) {
  (void)state;
  static const struct {
    const char *path, *value, *why;
  } cases[] = {
      {"model_type", "\"mamba\"", "key 'model_type' is \"mamba\"; resq compiles 'llama' and"},
      {"novel", "2", "key 'novel' is 2; the key is not known"},
      {"quantization_config", "{}", "key 'quantization_config' is {}; the key is not known"},
      {"hidden_act", "\"gelu\"", "key 'hidden_act' is \"gelu\"; \"silu\" is needed"},
      {"partial_rotary_factor", "0.5", "key 'partial_rotary_factor' is 0.5; 1 is needed"},
      {"use_sliding_window", "true", "key 'use_sliding_window' is true; false is needed"},
      {"layer_types", "[\"sliding_attention\"]", "an array of \"full_attention\" alone"},
      {"attention_bias", "1", "key 'attention_bias' is 1; true or false is needed"},
      {"hidden_size", "\"8\"", "key 'hidden_size' is \"8\"; 1 to 1048576 are allowed"},
      {"rms_norm_eps", "0", "key 'rms_norm_eps' is 0; a positive f32 is needed"},
      {"rope_scaling", "{\"rope_type\": \"yarn\", \"factor\": 4}", "key 'rope_scaling' is {"},
      {"rope_scaling", "{\"rope_type\": \"linear\"}", "key 'factor' is missing"},
      {"rope_scaling", "{\"rope_type\": \"linear\", \"factor\": 2, \"beta_fast\": 1}",
       "key 'beta_fast' is 1; the key is not known"},
      {"rope_scaling",
       "{\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 4, \"high_freq_factor\": "
       "4, "
       "\"original_max_position_embeddings\": 64}",
       "key 'high_freq_factor' is 4; more than low_freq_factor is needed"},
      {"rope_scaling", "3", "key 'rope_scaling' is 3; an object is needed"},
      {"tie_word_embeddings", "null", "tensor 'model.embed_tokens.weight' is missing"},
  };
  write_tensor("model.safetensors", "t");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    json_t *config =
        parse("{\"model_type\": \"llama\", \"hidden_size\": 8, \"num_hidden_layers\": 1, "
              "\"num_attention_heads\": 2, \"intermediate_size\": 8, \"vocab_size\": 8, "
              "\"max_position_embeddings\": 8, \"rms_norm_eps\": 1e-5, \"head_dim\": null}");
    edit(config, cases[i].path, cases[i].value);
    write_json("config.json", config);
    json_decref(config);
    resq_error err = {0};
    resq_decoder_config read;
    resq_checkpoint *c = resq_hugging_face_checkpoint_open(folder, &err);
    assert_non_null(c);
    assert_false(resq_decoder_config_read(c, &read, &err));
    expect_error(&err, RESQ_BAD_INPUT, cases[i].why);
    resq_checkpoint_close(c);
  }
}

static void generation(void **state) {
  (void)state;
  static const struct {
    const char *text, *why;
    double temperature;
  } cases[] = {
      {"{\"do_sample\": true, \"temperature\": 0.5, \"num_beams\": 1}", NULL, 0.5},
      {"{\"do_sample\": false, \"temperature\": 0.5, \"suppress_tokens\": null}", NULL, 0},
      {"{\"temperature\": \"0.5\"}", "key 'temperature' is \"0.5\"; a number is needed", 0},
      {"{\"top_p\": 2}", "top_p is 2, allowed: 1e-06 to 1", 0},
      {"{\"num_beams\": 4}", "key 'num_beams' is 4; 1 is needed", 0},
      {"{\"suppress_tokens\": [1]}", "key 'suppress_tokens' is [1]; null is needed", 0},
      {"{\"novel\": 4}", "key 'novel' is 4; the key is not known", 0},
      {"[]", "not a JSON object", 0},
  };
  write_tensor("model.safetensors", "t");
  write_text("config.json", "{}");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    write_text("generation_config.json", cases[i].text);
    resq_error err = {0};
    resq_generation_settings settings = {0};
    resq_checkpoint *c = resq_hugging_face_checkpoint_open(folder, &err);
    assert_non_null(c);
    bool ok = c->driver->generation(c, &settings, &err);
    assert_int_equal(ok, !cases[i].why);
    if (!ok)
      expect_error(&err, RESQ_BAD_INPUT, cases[i].why);
    else
      assert_true(settings.given[RESQ_GENERATION_temperature] &&
                  settings.value[RESQ_GENERATION_temperature] == cases[i].temperature);
    resq_checkpoint_close(c);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_stage),    cmocka_unit_test(refused_tokenizers),
      cmocka_unit_test(special_tokens), cmocka_unit_test(shards),
      cmocka_unit_test(configurations), cmocka_unit_test(generation),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
