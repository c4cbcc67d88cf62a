/* element - the numbers of an array that came from a job; foreign: in the other byte order than ours. */
#ifndef NAVE_ELEMENT_H
#define NAVE_ELEMENT_H

#include "nave_client.h"

/* Element i as a real number. */
double element_real(const nave_client_array *array, int foreign, size_t i);

/* Prints it; real ones with 15 digits, of type float with 7. */
void element_print(const nave_client_array *array, int foreign, size_t i);

#endif
