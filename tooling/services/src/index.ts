export { startTestServices, type TestService, type TestServices } from "./testServices.js";
