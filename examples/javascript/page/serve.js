// `npm run page`: the built page at http://127.0.0.1:8080/, or at the port in PORT.

import { PAGE, serving } from './server.js';

const { url } = await serving(PAGE, Number(process.env.PORT ?? 8080));
console.log(url);
