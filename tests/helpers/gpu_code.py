"""Compile Triton kernels to machine code, which needs no GPU."""


def assert_compiles_for_gpu(kernel, types, constexprs, capability):
    """Compile a kernel for a compute capability.

    Args:
        kernel: The kernel.
        types: Types of arguments by name, which may include other names.
        constexprs: Its constants by name.
        capability: 80 or 90.
    """
    # A process that interprets kernels must not import these.
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource, compile

    types = {**types, **dict.fromkeys(constexprs, 'constexpr')}
    source = ASTSource(
        kernel,
        signature={name: types[name] for name in kernel.arg_names},
        constexprs=constexprs,
    )
    compiled = compile(source, target=GPUTarget('cuda', capability, 32))
    assert len(compiled.asm['cubin']) > 1000
