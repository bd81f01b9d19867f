/// Records of spans print nothing: what the compiler writes for them is a format that takes them as a type argument,
/// which no span may be, so that a native program's compiler complains of each.
module Rl.Tests.Foundations.SpanTypesTests

open System.Reflection
open System.Runtime.CompilerServices
open Rl.Core.Environments
open Xunit

[<Fact>]
let ``no type of spans has the compiler's own text`` () =
    let kinds =
        [
            for kind in typeof<Space>.Assembly.GetTypes() do
                if kind.IsByRefLike then kind
        ]

    Assert.True(kinds.Length > 5, $"only {kinds.Length} types were found")

    Assert.All(
        kinds,
        fun kind ->
            let declared = BindingFlags.Public ||| BindingFlags.Instance ||| BindingFlags.DeclaredOnly

            match kind.GetMethod("ToString", declared, [||]) with
            | null -> ()
            | text -> Assert.Null(text.GetCustomAttribute<CompilerGeneratedAttribute>())
    )
