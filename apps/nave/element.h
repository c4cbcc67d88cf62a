/* element - the numbers of an array that came from a job; foreign: in the other byte order than ours. */
#ifndef NAVE_ELEMENT_H
#define NAVE_ELEMENT_H

#include "nave_client.h"

/* Element i as a real number. */
double element_real(const nave_client_array *array, int foreign, size_t i);

/* Prints it so that it reads back the same; as JSON numbers that it has not, or not exactly, are texts. */
void element_print(const nave_client_array *array, int foreign, int json, size_t i);

#endif
