// Runs the code of docs/csharp-guide.md, docs/logging.md and docs/planning.md, which stands beside this: a test
// compares them.
using System;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Rl;
using Rl.Logging;

var steps = args.Contains("--quick") ? 4_096 : 100_000;
var folder = Directory.CreateTempSubdirectory("rl-guide").FullName;
FirstAgent.Run(steps, folder);
OwnEnvironment.Run(steps, folder);
Rates.Run();
OwnLayers.Run();
Orders.Run(steps);
Dealing.Run(steps);
Turning.Run();
Watching.Run(steps, folder);
Serving.Run(steps);
Remembering.Run(steps);
Changing.Run(steps, folder);
Losing.Run(steps);
Deriving.Run();
Thinking.Run(args.Contains("--quick"));
Recorded.Run(steps / 4, folder);
Logged.Run(steps, folder);
Directory.Delete(folder, recursive: true);
