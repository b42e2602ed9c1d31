//===-- hadamard.c - orders and matrices after Paley ----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For a prime power q: order q + 1 where q is 3 mod 4 (Paley I), order 2 (q + 1)
// where q is 1 mod 4 (Paley II). Both need only the quadratic character chi of the
// field of q elements: +1 for squares, -1 for others, 0 for 0.
//===----------------------------------------------------------------------===//
#include "resq/dialect.h"
#include <string.h>

enum { max_order = 1024, max_degree = 6 }; // 3^6 = 729 is the highest power below max_order

/// q = prime^degree for an odd prime, else degree 0.
typedef struct field_size {
  int64_t q, prime;
  int degree;
} field_size;

static field_size factor(int64_t q) {
  field_size field = {q, 0, 0};
  if (q < 3 || q % 2 == 0)
    return field;
  int64_t prime = 3;
  while (prime * prime <= q && q % prime)
    prime += 2;
  if (prime * prime > q)
    prime = q;
  int degree = 0;
  for (; q % prime == 0; q /= prime)
    degree++;
  if (q == 1) {
    field.prime = prime;
    field.degree = degree;
  }
  return field;
}

/// The field that makes a matrix of this order; degree 0 when none does. Paley I goes first.
static field_size field_of(int64_t order) {
  const field_size none = {0, 0, 0};
  if (order < 4 || order % 4 || order > max_order)
    return none;
  field_size first = factor(order - 1); // 3 mod 4, as order is 0 mod 4
  if (first.degree)
    return first;
  field_size second = factor(order / 2 - 1);
  return second.q % 4 == 1 ? second : none;
}

int64_t resqHadamardOrder(int64_t size) {
  if (size < 1)
    return 0;
  int64_t order = size;
  while (order % 2 == 0)
    order /= 2;
  if (order == 1)
    return 1;
  for (; order <= size && order <= max_order; order *= 2)
    if (field_of(order).degree)
      return order;
  return 0;
}

//===-- The field ---------------------------------------------------------===//
// An element is the number whose base-p digits are its polynomial's coefficients.

/// a^2 modulo x^degree + (the polynomial `low`).
static int64_t square(field_size f, const int64_t *low, int64_t a) {
  int64_t digit[max_degree], product[2 * max_degree] = {0};
  for (int i = 0; i < f.degree; i++, a /= f.prime)
    digit[i] = a % f.prime;
  for (int i = 0; i < f.degree; i++)
    for (int j = 0; j < f.degree; j++)
      product[i + j] = (product[i + j] + digit[i] * digit[j]) % f.prime;
  for (int top = 2 * f.degree - 2; top >= f.degree; top--)
    for (int i = 0; i < f.degree; i++) {
      int64_t *at = &product[top - f.degree + i];
      *at = (*at + product[top] * (f.prime - low[i])) % f.prime;
    }
  int64_t result = 0;
  for (int i = f.degree - 1; i >= 0; i--)
    result = result * f.prime + product[i];
  return result;
}

/// chi for the first irreducible polynomial. Modulo any other there are fewer than (q - 1) / 2
/// non-zero squares: zero divisors or more square roots. So counting them is the test.
static void characters(field_size f, int8_t *chi) {
  for (int64_t candidate = 0; candidate < f.q; candidate++) {
    int64_t low[max_degree], rest = candidate, squares = 0;
    for (int i = 0; i < f.degree; i++, rest /= f.prime)
      low[i] = rest % f.prime;
    memset(chi, -1, (size_t)f.q);
    chi[0] = 0;
    for (int64_t a = 1; a < f.q; a++) {
      int64_t s = square(f, low, a);
      if (s && chi[s] != 1) {
        chi[s] = 1;
        squares++;
      }
    }
    if (squares == (f.q - 1) / 2)
      return;
  }
}

static int64_t subtract(field_size f, int64_t a, int64_t b) {
  int64_t result = 0, place = 1;
  for (int i = 0; i < f.degree; i++, place *= f.prime, a /= f.prime, b /= f.prime)
    result += (a % f.prime - b % f.prime + f.prime) % f.prime * place;
  return result;
}

//===-- The matrices ------------------------------------------------------===//

void resqHadamardSigns(int64_t order, int8_t *out) {
  if (order == 1) {
    out[0] = 1;
    return;
  }
  field_size f = field_of(order);
  if (!f.degree)
    return;
  int8_t chi[max_order];
  characters(f, chi);
  bool skew = f.q % 4 == 3;
  int64_t n = f.q + 1; // order of the conference matrix C: zero diagonal, C C^T = q I
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++) {
      int8_t c = i == j   ? 0
                 : i == 0 ? 1
                 : j == 0 ? (skew ? -1 : 1)
                          : chi[subtract(f, i - 1, j - 1)];
      if (skew) { // Paley I: C + I
        out[i * n + j] = i == j ? 1 : c;
        continue;
      }
      // Paley II: C (x) [1 1; 1 -1] + I (x) [1 -1; -1 -1]
      int8_t *block = &out[2 * i * order + 2 * j];
      block[0] = i == j ? 1 : c;
      block[1] = i == j ? -1 : c;
      block[order] = i == j ? -1 : c;
      block[order + 1] = i == j ? -1 : (int8_t)-c;
    }
}
