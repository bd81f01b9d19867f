using System;
using System.Collections.Generic;
using System.ComponentModel;
using System.Diagnostics.CodeAnalysis;
using System.Linq;
using System.Reflection;
using Rl.Core.Algorithms;

namespace Rl.Internal;

/// <summary>The algorithms and environments among the types of an assembly.</summary>
[RequiresUnreferencedCode(Plugin.NotTrimmed)]
internal static class PluginParts
{
    public static IReadOnlyList<AlgorithmEntry> Algorithms(IEnumerable<Type> types) =>
    [
        .. types
            .SelectMany(
                type => type.GetProperties(BindingFlags.Public | BindingFlags.Static | BindingFlags.DeclaredOnly))
            .Where(
                property => property.PropertyType == typeof(AlgorithmEntry) && property.GetMethod is { IsPublic: true })
            .Select(Value)
            .DistinctBy(entry => entry.Id)
            .OrderBy(entry => entry.Id, StringComparer.Ordinal),
    ];

    public static IReadOnlyList<OwnEnvironment> Environments(IEnumerable<Type> types, string assembly) =>
    [
        .. types
            .Where(
                type => type is { IsClass: true, IsAbstract: false, ContainsGenericParameters: false }
                    && typeof(IEnvironment).IsAssignableFrom(type))
            .Select(type => (Type: type, Constructor: type.GetConstructor(Type.EmptyTypes)))
            .Where(found => found.Constructor is not null)
            .Select(found => new OwnEnvironment(
                found.Type.GetCustomAttribute<DisplayNameAttribute>()?.DisplayName ?? found.Type.Name,
                found.Type.GetCustomAttribute<DescriptionAttribute>()?.Description
                    ?? $"The class {found.Type.FullName} of {assembly}.",
                () => Make(found.Constructor!)))
            .OrderBy(environment => environment.Id, StringComparer.Ordinal),
    ];

    private static AlgorithmEntry Value(PropertyInfo property)
    {
        var name = $"{property.DeclaringType?.Name}.{property.Name}";
        var entry = (AlgorithmEntry?)Invoked(name, () => property.GetValue(null))
            ?? throw new ArgumentException(
                $"{name} is null. F# makes the values of a program when that "
                    + "starts: put the algorithm into a library.");
        return entry.Options.Any(option => option.Name == nameof(AgentOptions.TotalSteps))
            ? entry
            : throw new ArgumentException(
                $"{name} has no option TotalSteps, which every plan needs; add PlanOptions to its options.");
    }

    private static IEnvironment Make(ConstructorInfo constructor) =>
        (IEnvironment)Invoked(constructor.DeclaringType?.Name ?? "The class", () => constructor.Invoke([]))!;

    /// <summary>What a user's code throws, without the wrapping of reflection.</summary>
    private static object? Invoked(string name, Func<object?> call)
    {
        try
        {
            return call();
        }
        catch (TargetInvocationException error) when (error.InnerException is { } inner)
        {
            throw new ArgumentException($"{name} cannot be made: {inner.GetType().Name}: {inner.Message}", inner);
        }
    }
}
