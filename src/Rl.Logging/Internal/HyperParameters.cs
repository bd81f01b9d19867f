using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;

namespace Rl.Logging.Internal;

/// <summary>What a run is trained with, for TensorBoard's plugin of hyper-parameters and as a text.</summary>
internal sealed class HyperParameters
{
    private const string Plugin = "hparams";
    private const int Success = 1;
    private const int Unknown = 0;

    private readonly List<(string Name, object Value)> values;

    public HyperParameters(Agent agent)
    {
        values =
        [
            ("algorithm", agent.Options.Algorithm),
            ("environment", agent.EnvironmentId),
            ("seed", (double)agent.Seed),
            ("environmentCopies", (double)agent.Options.EnvironmentCopies),
            .. agent.Options.ToSettings().Select(setting => (setting.Key, Read(setting.Value))),
        ];
    }

    /// <summary>A table in Markdown.</summary>
    public string Markdown()
    {
        var text = new StringBuilder("| option | value |\n|---|---|\n");
        foreach (var (name, value) in values)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {name} | {Print(value)} |\n");
        }

        return text.ToString();
    }

    /// <summary>The experiment, with the tags that runs are judged by, and the beginning of the session.</summary>
    public void Begin(MessageWriter summary, IEnumerable<string> judgedBy)
    {
        summary.PluginData("_hparams_/experiment", Plugin, data => data.Message(2, experiment =>
        {
            experiment.Double(3, EventFile.Now());
            foreach (var (name, value) in values)
            {
                experiment.Message(4, info =>
                {
                    info.Text(1, name);
                    info.Integer(4, value switch { string => 1, bool => 2, _ => 3 });
                });
            }

            foreach (var tag in judgedBy)
            {
                experiment.Message(5, info => info.Message(1, name => name.Text(2, tag)));
            }
        }));
        summary.PluginData("_hparams_/session_start_info", Plugin, data => data.Message(3, session =>
        {
            foreach (var (name, value) in values)
            {
                session.Message(1, entry =>
                {
                    entry.Text(1, name);
                    entry.Message(2, content => Write(content, value));
                });
            }

            session.Double(5, EventFile.Now());
        }));
    }

    /// <summary>The end of the session; of one that was stopped nobody knows whether it succeeded.</summary>
    public static void End(MessageWriter summary, bool isDone) =>
        summary.PluginData("_hparams_/session_end_info", Plugin, data => data.Message(4, session =>
        {
            session.Integer(1, isDone ? Success : Unknown);
            session.Double(2, EventFile.Now());
        }));

    private static void Write(MessageWriter content, object value)
    {
        switch (value)
        {
            case double number:
                content.Double(2, number);
                break;
            case bool isTrue:
                content.Boolean(4, isTrue);
                break;
            default:
                content.Text(3, (string)value);
                break;
        }
    }

    private static object Read(string text) => text switch
    {
        "true" => true,
        "false" => false,
        _ => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : text,
    };

    private static string Print(object value) => value switch
    {
        bool isTrue => isTrue ? "true" : "false",
        double number => number.ToString(CultureInfo.InvariantCulture),
        _ => (string)value,
    };
}
