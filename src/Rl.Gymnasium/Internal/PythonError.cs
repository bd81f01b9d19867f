using System;
using System.Text.Json;

namespace Rl.Gymnasium.Internal;

/// <summary>An exception that Python raised, as the bridge tells it.</summary>
internal sealed record PythonError(
    bool IsRefused, string Type, string Message, string Traceback, int? Copy, string Python)
{
    public static PythonError Read(ReadOnlySpan<byte> body)
    {
        var reader = new Utf8JsonReader(body);
        using var document = JsonDocument.ParseValue(ref reader);
        var root = document.RootElement;
        var copy = root.GetProperty("copy");
        return new(
            root.GetProperty("refused").GetBoolean(),
            root.GetProperty("type").GetString()!,
            root.GetProperty("message").GetString()!,
            root.GetProperty("traceback").GetString()!,
            copy.ValueKind == JsonValueKind.Null ? null : copy.GetInt32(),
            root.GetProperty("python").GetString()!);
    }

    /// <summary>What to do about it, where that can be told.</summary>
    public string Hint(GymnasiumOptions options) => Type switch
    {
        "ModuleNotFoundError" or "ImportError" when Message.Contains("numpy", StringComparison.Ordinal) =>
            Install("numpy"),
        "ModuleNotFoundError" or "ImportError" when Message.Contains("'gymnasium'", StringComparison.Ordinal) =>
            Install("gymnasium"),
        "ModuleNotFoundError" =>
            $"Install it for {Python}, or name its folder with GymnasiumOptions.ModulePaths.",
        "NamespaceNotFound" or "NameNotFound" =>
            "A module that registers environments is named with GymnasiumOptions.Imports, such as ale_py.",
        "DependencyNotInstalled" => $"It is to be installed for {Python}.",
        _ => "",
    };

    private string Install(string module) =>
        $"Install it for {Python}: {Python.Split(" (")[0]} -m pip install {module}. Or name another Python with "
            + "GymnasiumOptions.Python or the variable RL_PYTHON.";
}
