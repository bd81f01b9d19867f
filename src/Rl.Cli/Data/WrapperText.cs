using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Reflection;

namespace Rl.Cli.Data;

/// <summary>
/// Wrappers as texts: the name of a method of <see cref="EnvironmentWrappers"/>, with its arguments in their order or
/// by name: <c>NormalizeObservation</c>, <c>FrameStackObservation(4)</c>, <c>RescaleAction(low=-1, high=1)</c>.
/// Wrappers with a function of a user's have no text.
/// </summary>
internal static class WrapperText
{
    private static readonly MethodInfo[] Methods =
    [
        .. typeof(EnvironmentWrappers).GetMethods(BindingFlags.Public | BindingFlags.Static)
            .Where(method => method.GetParameters().Skip(1).All(parameter => IsText(parameter.ParameterType)))
            .OrderBy(method => method.Name, StringComparer.Ordinal),
    ];

    /// <summary>The names of all that can be given, in their order.</summary>
    public static IEnumerable<string> Names => Methods.Select(method => method.Name);

    /// <summary>The environment within wrappers, the first next to it.</summary>
    /// <exception cref="ArgumentException">A text is no wrapper, or does not fit the environment; the message says
    /// which and why.</exception>
    public static IEnvironment Apply(IEnvironment environment, IEnumerable<string> wrappers) =>
        wrappers.Aggregate(environment, Apply);

    private static WrappedEnvironment Apply(IEnvironment environment, string text)
    {
        var (method, given) = Parse(text);
        var parameters = method.GetParameters();
        var values = new object?[parameters.Length];
        values[0] = environment;
        for (var index = 1; index < parameters.Length; index++)
        {
            var parameter = parameters[index];
            values[index] = given.TryGetValue(parameter.Name!, out var value) ? Value(text, parameter, value)
                : parameter.HasDefaultValue ? parameter.DefaultValue
                : throw new ArgumentException(
                    $"The wrapper \"{text}\" lacks {parameter.Name}; write {Form(method)}.");
        }

        try
        {
            return (WrappedEnvironment)method.Invoke(null, values)!;
        }
        catch (TargetInvocationException error) when (error.InnerException is ArgumentException inner)
        {
            throw new ArgumentException(
                $"The wrapper \"{text}\" does not fit {environment.Name}: {inner.Message.Split(" (Parameter", 2)[0]}",
                inner);
        }
    }

    private static (MethodInfo Method, Dictionary<string, string> Arguments) Parse(string text)
    {
        var open = text.IndexOf('(', StringComparison.Ordinal);
        var name = (open < 0 ? text : text[..open]).Trim();
        if (open >= 0 && !text.TrimEnd().EndsWith(')'))
        {
            throw new ArgumentException($"The wrapper \"{text}\" has no closing parenthesis; write {name}(…).");
        }

        var method = Array.Find(Methods, one => one.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
            ?? throw new ArgumentException(
                $"There is no wrapper \"{name}\"; those that can be named are {string.Join(", ", Names)}.");
        ParameterInfo[] parameters = method.GetParameters()[1..];
        var arguments = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        string[] parts = open < 0 ? [] : Parts(text.TrimEnd()[(open + 1)..^1]);
        for (var index = 0; index < parts.Length; index++)
        {
            var pair = parts[index].Split('=', 2, StringSplitOptions.TrimEntries);

            // All that follows belongs to a last parameter that takes several.
            var isList = parameters.Length > 0 && parameters[^1].ParameterType.IsArray;
            var parameter = pair.Length == 2
                ? Array.Find(parameters, one => one.Name!.Equals(pair[0], StringComparison.OrdinalIgnoreCase))
                : index < parameters.Length ? parameters[index]
                : isList ? parameters[^1] : null;
            if (parameter is null)
            {
                throw new ArgumentException(
                    $"The wrapper \"{text}\" has \"{parts[index]}\", which it does not take; write {Form(method)}.");
            }

            if (!arguments.TryAdd(parameter.Name!, pair[^1]))
            {
                arguments[parameter.Name!] = parameter.ParameterType.IsArray
                    ? $"{arguments[parameter.Name!]}, {pair[^1]}"
                    : throw new ArgumentException(
                        $"The wrapper \"{text}\" has {parameter.Name} twice; give it once.");
            }
        }

        return (method, arguments);
    }

    /// <summary>What commas part that stand in no brackets.</summary>
    private static string[] Parts(string text)
    {
        var (parts, depth, from) = (new List<string>(), 0, 0);
        for (var at = 0; at < text.Length; at++)
        {
            depth += text[at] == '[' ? 1 : text[at] == ']' ? -1 : 0;
            if (text[at] == ',' && depth == 0)
            {
                parts.Add(text[from..at].Trim());
                from = at + 1;
            }
        }

        return text.Trim().Length == 0 ? [] : [.. parts, text[from..].Trim()];
    }

    private static bool IsText(Type type) =>
        type == typeof(int) || type == typeof(double) || type == typeof(bool) || type.IsEnum || type == typeof(int[])
        || type == typeof(double[]) || type == typeof(IReadOnlyList<string>);

    private static object Value(string text, ParameterInfo parameter, string value)
    {
        var type = parameter.ParameterType;
        const StringSplitOptions Options = StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries;
        var items = value.Trim('[', ']').Split(',', Options);
        return type == typeof(int) && int.TryParse(value, NumberStyles.AllowLeadingSign, Culture, out var whole) ? whole
            : type == typeof(double) && double.TryParse(value, NumberStyles.Float, Culture, out var number) ? number
            : type == typeof(bool) && bool.TryParse(value, out var flag) ? flag
            : type.IsEnum && Enum.TryParse(type, value, true, out var one) && Enum.IsDefined(type, one) ? one
            : type == typeof(int[])
                && items.All(item => int.TryParse(item, NumberStyles.AllowLeadingSign, Culture, out _))
                ? Array.ConvertAll(items, item => int.Parse(item, Culture))
            : type == typeof(double[]) && items.All(item => double.TryParse(item, NumberStyles.Float, Culture, out _))
                ? Array.ConvertAll(items, item => double.Parse(item, Culture))
            : type == typeof(IReadOnlyList<string>) ? Array.ConvertAll(items, item => item.Trim('"'))
            : throw new ArgumentException(
                $"The wrapper \"{text}\" has {parameter.Name} = {value}; it must be {Kind(type)}.");
    }

    private static CultureInfo Culture => CultureInfo.InvariantCulture;

    private static string Form(MethodInfo method) =>
        $"{method.Name}({string.Join(", ", method.GetParameters().Skip(1).Select(one => one.HasDefaultValue
            ? string.Create(Culture, $"{one.Name}={one.DefaultValue ?? "[…]"}")
            : one.Name))})";

    private static string Kind(Type type) =>
        type == typeof(int) ? "a whole number"
        : type == typeof(double) ? "a number"
        : type == typeof(bool) ? "true or false"
        : type == typeof(int[]) ? "whole numbers such as [8, 8]"
        : type == typeof(double[]) ? "numbers such as [0.5, 1.5]"
        : string.Join(" or ", Enum.GetNames(type).Select(name => name.ToLowerInvariant()));
}
