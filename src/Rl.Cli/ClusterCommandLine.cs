using System;
using System.CommandLine;
using System.Threading;
using Rl.Cli.Commands;
using Rl.Cli.Tuning;

namespace Rl.Cli;

/// <summary>The words of <c>rl cluster</c>: training with workers in other processes and on other machines.</summary>
internal static class ClusterCommandLine
{
    private const string PortOfLearner = "The port to listen at; 11111 if not given, and any free one with --store.";

    public static Command Cluster(Terminal terminal, Option<string[]> plugins, CancellationToken interruption)
    {
        var worker = Worker(terminal, interruption);
        var train = Train(terminal, plugins, interruption);
        return new("cluster", "Train with workers in other processes and on other machines, with the bits of one "
            + "process. Examples: rl cluster train ppo CartPole-v1 --workers 2; rl cluster worker --learner "
            + "10.0.0.5:11111.")
        {
            train, Tune(terminal, plugins, interruption), worker,
        };
    }

    private static Command Train(Terminal terminal, Option<string[]> plugins, CancellationToken interruption)
    {
        var run = new TrainCommandLine.RunWords();
        var members = new MemberWords(PortOfLearner);
        var workers = Workers();
        var none = StartNone();
        var lag = NumberOption.Whole(
            "--maximum-lag",
            "Of impala and appo, whose workers do not wait for each other: how many updates older than the policy that "
                + "learns the policy of a step may be; 8 if not given. Workers do not run further ahead; what takes "
                + "longer is not learned from, and counted. Of dqn, sac, td3 and others that learn from replayed "
                + "steps: how many turns of TrainFrequency steps and their updates copies may go on by themselves "
                + "while the learner learns, which is not repeatable; they take turns if not given.",
            least: 0);
        var memories = NumberOption.Whole(
            "--memories",
            "Of dqn, sac, td3 and others that learn from replayed steps: over how many memories in workers these are "
                + "spread, at most one for each copy of the environment; as many as --workers if not given. What is "
                + "learned depends on it, and not on how many workers there are.",
            least: 0,
            otherwise: 0);
        var keep = new Option<bool>("--keep-in-store")
        {
            Description = "Save the run's files in the store too, with each checkpoint: --resume goes on from there on "
                + "any machine. A new run then needs its name, --run.",
        };
        var again = new Option<bool>("--continue")
        {
            Description = "Go on with the run of --run where it has begun, in its folder or with --keep-in-store in the"
                + " store, by the options that it began with; begin it where it has not. So the same command may be "
                + "started however often.",
        };
        const string Summary = "Train as rl train does, with the copies of the environment acting in workers. The "
            + "agent, its files and the run folder are those of rl train; it goes on when workers are lost, and with "
            + "--resume after the learner was. Examples: rl cluster train ppo LunarLander-v3 --workers 4; rl cluster "
            + "train ppo Hopper-v5 --workers 16 --store redis:10.0.0.2:6379 --listen 0.0.0.0 --secret-file secret.";
        var command = new Command("train", Summary);
        run.AddTo(command);
        command.Add(workers);
        command.Add(none);
        command.Add(lag);
        command.Add(memories);
        command.Add(keep);
        command.Add(again);
        members.AddTo(command);
        command.SetAction(parsed => ClusterCommand.Train(
            run.Read(parsed),
            members.Read(parsed) with
            {
                Workers = parsed.GetValue(workers),
                StartsNone = parsed.GetValue(none),
                MaximumLag = parsed.GetValue(lag),
                Memories = parsed.GetValue(memories) is > 0 and var given ? given : parsed.GetValue(workers),
                KeepsInStore = parsed.GetValue(keep),
                Continues = parsed.GetValue(again),
                Plugins = parsed.GetValue(plugins) ?? [],
            },
            terminal,
            interruption));
        return command;
    }

    private static Command Tune(Terminal terminal, Option<string[]> plugins, CancellationToken interruption)
    {
        const string Summary = "Population-based training as rl tune --method pbt does it, with the members trained by "
            + "workers: a worker is given a member's file, trains it to the next comparison and gives it back. The "
            + "files are those of rl tune, byte for byte; a piece whose worker is lost is done again by another. "
            + "Examples: rl cluster tune ppo LunarLander-v3 --population 20 --workers 4; rl cluster tune ppo Hopper-v5 "
            + "--workers 16 --store redis:10.0.0.2:6379 --listen 0.0.0.0 --secret-file secret.";
        var members = new MemberWords(PortOfLearner);
        var workers = Workers();
        var none = StartNone();
        var (command, read) = TuneCommandLine.Build(Summary, TuningMethod.Pbt, workers);
        command.Add(none);
        members.AddTo(command);
        command.SetAction(parsed => ClusterCommand.Tune(
            read(parsed),
            members.Read(parsed) with
            {
                Workers = parsed.GetValue(workers),
                StartsNone = parsed.GetValue(none),
                Plugins = parsed.GetValue(plugins) ?? [],
            },
            terminal,
            interruption));
        return command;
    }

    private static Option<int> Workers() => NumberOption.Whole(
        "--workers",
        "The workers to begin with. They are started on this machine, and again when they end, where there is neither "
            + "--store nor another address to --listen at; else those that join are waited for. Others may join later.",
        least: 1,
        otherwise: Math.Max(1, System.Environment.ProcessorCount - 1));

    private static Option<bool> StartNone() => new("--start-none")
    {
        Description = "Start no workers here; wait for those of rl cluster worker.",
    };

    private static Command Worker(Terminal terminal, CancellationToken interruption)
    {
        var members = new MemberWords("The port to listen at; any free one if not given.");
        var learner = new Option<string?>("--learner")
        {
            Description = "Where rl cluster train runs, without a store; 127.0.0.1:11111 if not given.",
            HelpName = "host:port",
        };
        var threads = NumberOption.Whole(
            "--threads", "Threads; 0 for one a core. Results do not depend on it.", least: 0, otherwise: 0);
        var child = new Option<bool>("--with-input")
        {
            Description = "End with the standard input: with the process that started it.",
            Hidden = true,
        };
        var json = Words.Json("one JSON object a line");
        const string Summary = "Act for learners until it is interrupted: make copies of their environments, step them "
            + "by their policies. When the learner goes away, wait for it. Examples: rl cluster worker; rl cluster "
            + "worker --store redis:10.0.0.2:6379 --listen 0.0.0.0 --secret-file secret --plugin My.dll.";
        var command = new Command("worker", Summary) { learner, threads, child, json };
        members.AddTo(command);
        command.SetAction(parsed => ClusterCommand.Work(
            members.Read(parsed) with
            {
                Learner = parsed.GetValue(learner),
                Threads = parsed.GetValue(threads),
                EndsWithInput = parsed.GetValue(child),
                Json = parsed.GetValue(json),
            },
            terminal,
            interruption));
        return command;
    }

    /// <summary>How members find each other and let each other in.</summary>
    private sealed class MemberWords(string port)
    {
        private readonly Option<string?> store = new("--store")
        {
            Description = "Where the list of members is: redis:HOST:PORT, or postgres:Host=HOST;Database=NAME;... "
                + "Without it, that of the variable RL_CLUSTER_STORE; without both, rl cluster train keeps the list.",
            HelpName = "store",
        };

        private readonly Option<string> name = new("--cluster")
        {
            Description = "The cluster's name; those of other names do not see each other in the same store.",
            HelpName = "name",
            DefaultValueFactory = _ => "rl",
        };

        private readonly Option<string> listen = new("--listen")
        {
            Description = "The address to listen at; 0.0.0.0 for all, which takes a secret.",
            HelpName = "address",
            DefaultValueFactory = _ => "127.0.0.1",
        };

        private readonly Option<string?> advertise = new("--advertise")
        {
            Description = "The address or name that others reach this process at; that of --listen, or of this machine "
                + "where it listens at 0.0.0.0, if not given.",
            HelpName = "host",
        };

        private readonly Option<ushort> port =
            NumberOption.Whole<ushort>("--port", port, least: 0, otherwise: 0);

        private readonly Option<string?> secret = new("--secret-file")
        {
            Description = "A file with what all members know, at least 16 characters: connections are encrypted, and "
                + "whoever does not know it is refused. Without it, that of the variable RL_CLUSTER_SECRET.",
            HelpName = "file",
        };

        public void AddTo(Command command)
        {
            Option[] all = [store, name, listen, advertise, port, secret];
            foreach (var option in all)
            {
                command.Add(option);
            }
        }

        public ClusterRequest Read(ParseResult parsed) => new()
        {
            Store = parsed.GetValue(store),
            Cluster = parsed.GetValue(name)!,
            Listen = parsed.GetValue(listen)!,
            Advertise = parsed.GetValue(advertise),
            Port = parsed.GetValue(port),
            SecretFile = parsed.GetValue(secret),
        };
    }
}
